#!/usr/bin/env bash
# What a stranger does: clones HEAD into an empty folder that nobody else may enter, and runs README's two commands there;
# once as this user and, where that is root, once as an ordinary one. Then it looks for what they left behind.
#
#   scripts/fresh-clone.sh [--without-postgres] [--only <test file>]
#
#   --without-postgres  no PostgreSQL of this machine can be reached: all but `npm ci` runs in a network of its own
#   --only              runs this test file instead of all
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
without_postgres=false
only=
while [ $# -gt 0 ]; do
  case $1 in
    --without-postgres) without_postgres=true ;;
    --only) only=${2:?"--only wants a test file"} && shift ;;
    *) sed -n 's/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
  esac
  shift
done

# Open, so that PostgreSQL's user can enter the folder for temporary files; the clones in it are closed.
work=$(mktemp -d "${TMPDIR:-/tmp}/fresh-clone-XXXXXX")
chmod 755 "$work"
failures=0
trap 'if [ "$failures" -eq 0 ]; then rm -rf "$work"; else echo "kept for a look: $work"; fi' EXIT

# Runs a command as $user, in its clone, with a folder of its own for temporary files.
as_user() {
  local own=(env -u AMQP_URL -u DATABASE_URL -u TIDEMARK_TEST_POSTGRES -u CI "TMPDIR=$work/$user/tmp")
  if [ "$user" != "$(id -un)" ]; then
    own=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups
      "${own[@]}" "HOME=$work/$user/home" "npm_config_registry=$(npm config get registry)" "npm_config_cache=")
  fi
  (cd "$work/$user/clone" && "${network[@]}" "${own[@]}" bash -c "$1")
}

# A network with nothing in it but its own loopback interface; root's programs stay root's, others' stay theirs.
own_network() {
  local unshare=(unshare --net)
  [ "$(id -u)" -eq 0 ] || unshare=(unshare --user --map-current-user --keep-caps --net)
  network=("${unshare[@]}" sh -c 'ip link set lo up && exec "$@"' sh)
}

# A line for a command, with how it ended and how long it took; its output only where it failed.
attempt() {
  local log started=$SECONDS
  log="$work/$user/$((++step)).log"
  if as_user "$1" >"$log" 2>&1; then
    echo "ok      $user: $1 ($((SECONDS - started)) s)$(sed -n 's/^Tests: */, tests: /p; s/^PostgreSQL: /, PostgreSQL: /p' "$log" | tr -d '\n')"
  else
    echo "FAILED  $user: $1 ($((SECONDS - started)) s)"
    tail -n 60 "$log"
    failures=$((failures + 1))
  fi
}

# README's commands, one a line.
readme_commands() {
  sed -n 's/^\(npm ci && npm [a-z ]*[a-z]\) *#.*/\1/p' "$work/$user/clone/README.md"
}

run_as() {
  local user=$1 step=0 command network=(env)
  mkdir -p "$work/$user"/{tmp,home}
  git clone --quiet --no-hardlinks "$repository" "$work/$user/clone"
  chmod 1777 "$work/$user/tmp"
  chmod 700 "$work/$user"/{clone,home}
  chown -R "$user" "$work/$user"/{clone,home}
  while read -r command; do
    network=(env)
    if $without_postgres; then
      attempt 'npm ci'
      own_network
      command=${command#npm ci && }
    fi
    case $command in *test) command+=${only:+" -- $only"} ;; esac
    attempt "$command" </dev/null
  done < <(readme_commands)
  [ "$step" -ge 2 ] || { echo "FAILED  README.md has no two commands" && failures=$((failures + 1)); }
}

# What tests and demo make outside of their clone, one a line.
traces() {
  find "$work"/*/tmp -maxdepth 1 -name '*tidemark*' 2>/dev/null || true
  ls -d /var/backup /var/lib/tidemark 2>/dev/null || true
  # The pattern comes by standard input: in grep's own arguments it would find itself.
  grep -lsaF -f - /proc/[0-9]*/{cmdline,environ} <<<"$work" | cut -d/ -f3 | sort -u | while read -r pid; do
    echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
  done || true
  abandoned_databases
}

# Databases of test runs that have ended.
abandoned_databases() {
  command -v psql >/dev/null || return 0
  psql -h 127.0.0.1 -U postgres -w -Atc "SELECT datname FROM pg_database WHERE datname ~ '^tidemark_test_'" 2>/dev/null |
    while IFS=_ read -r a b pid rest; do
      [ -d "/proc/$pid" ] || echo "database ${a}_${b}_${pid}_${rest}"
    done || true
}

uncommitted=$(git -C "$repository" status --porcelain | wc -l)
echo "HEAD is $(git -C "$repository" log -1 --format='%h, %s'); uncommitted files, which are not in it: $uncommitted"
before=$(traces)
run_as "$(id -un)"
if [ "$(id -u)" -eq 0 ]; then run_as nobody; fi
left=$(comm -13 <(sort <<<"$before") <(traces | sort))
if [ -n "$left" ]; then
  echo "FAILED  left behind:"
  echo "$left"
  failures=$((failures + 1))
else
  echo "ok      nothing is left behind: no process, no folder, no database"
fi
exit "$((failures > 0))"
