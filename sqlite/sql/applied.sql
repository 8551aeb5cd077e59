SELECT number, name, checksum, applied FROM migration ORDER BY number
