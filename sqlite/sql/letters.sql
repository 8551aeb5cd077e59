SELECT posts FROM letter ORDER BY number
