package llmsim

func Reply(c *Call) string { return c.Model }
