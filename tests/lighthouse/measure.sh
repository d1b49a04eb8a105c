#!/bin/sh
# tests/lighthouse/measure.sh PYTHON ORIGIN COOKIE
set -eu
python=$1
cd "$(dirname "$0")"
space=$PWD/../../gateway/space
. "$space/node.sh"
packages
exec node measure.mjs "$2" "$3"
