SELECT hash FROM node WHERE hash IN (?, ...)
