SELECT types, until FROM interest
