UPDATE task SET body = ? WHERE seq = ?
