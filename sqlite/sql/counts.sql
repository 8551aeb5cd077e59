SELECT queue, state, tasks FROM tally
