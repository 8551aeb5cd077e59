DELETE FROM bin WHERE number = ? AND tasks <= 0
