DELETE FROM interest WHERE watcher = ? OR until < ?
