DELETE FROM node WHERE hash = ?
