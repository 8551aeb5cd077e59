# Holds a process group that servers join, and ends it when standard input ends:
# when the process that started the servers closes it, or is gone. Its argument
# is the servers' directory, which it removes.
trap '' HUP INT QUIT TERM
while read -r _; do :; done

# SIGQUIT is what PostgreSQL takes for "stop at once, with all your children",
# which have process groups of their own. The others die of it. SIGCONT is for
# those that stand still.
kill -QUIT 0
kill -CONT 0
n=0
while [ -e "$1/data/postmaster.pid" ] && [ $n -lt 100 ]; do
	n=$((n + 1))
	sleep 0.1
done
n=0
while ! rm -rf "$1" 2>/dev/null && [ $n -lt 100 ]; do
	n=$((n + 1))
	sleep 0.1
done
[ ! -e "$1" ] || echo "services: $1 is left behind" >&2
kill -KILL 0
