# What .ci/run and .ci/clients share: packages of pip, npm and apt, installed once in a cache outside
# the repository.
cache=${MCP_TRACKIO_CI_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mcp-trackio-ci}

need() { # command, Debian packages…
  local command=$1
  shift
  command -v "$command" >/dev/null && return 0
  install_packages "$@"
}

install_packages() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing: $*" >&2
    return 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# A virtual environment with one package of one version: venv trackio 0.43.0
venv() {
  virtual_environment "$1-$2" python3 "$1==$2"
}

# One with what a file asks for, of the version and content that it names: venv_of packaging/requirements.txt
venv_of() {
  local sum
  sum=$(cksum <"$1" | cut -d ' ' -f 1)
  virtual_environment "$(basename "$(dirname "$1")")-$sum" python3 --require-hashes --only-binary :all: -r "$1"
}

# Answers its Python: virtual_environment NAME PYTHON words for pip…
virtual_environment() {
  local dir=$cache/$1 python=$2
  shift 2
  if [ ! -e "$dir/complete" ]; then
    need python3 python3 python3-venv >&2
    rm -rf "$dir"
    mkdir -p "$cache"
    if ! "$python" -m venv "$dir" 2>/dev/null; then
      install_packages python3-venv >&2
      rm -rf "$dir"
      "$python" -m venv "$dir"
    fi
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
    touch "$dir/complete"
  fi
  echo "$dir/bin/python"
}

# A package of npm; answers directories for PATH, with a newer Node.js than systems have first:
# node_package @openai/codex 0.169.0
node_package() {
  echo "$(newer_node):$(npm_installed "${1##*/}-$2" "$1@$2")/.bin"
}

# Where a newer Node.js is than systems have.
newer_node() {
  echo "$(npm_installed node-24 node@24)/node/bin"
}

# Packages of npm in a folder of that name; answers the folder: npm_installed zod-4 zod@4
npm_installed() {
  local dir=$cache/$1 path=$PATH
  shift
  if [ ! -e "$dir/complete" ]; then
    need npm nodejs npm >&2
    [ "$1" = node@24 ] || path=$(newer_node):$PATH
    rm -rf "$dir"
    mkdir -p "$dir"
    echo '{"private": true}' >"$dir/package.json"
    (cd "$dir" && PATH=$path npm install --silent --no-audit --no-fund "$@") >&2
    touch "$dir/complete"
  fi
  echo "$dir/node_modules"
}
