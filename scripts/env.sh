# To be sourced (`. scripts/env.sh`): puts the tools that scripts/setup.sh
# installed first on PATH and tells builds and tests where the rest is.
# Plain sh: bash and sh can source it.

export TESSERA_CACHE="${TESSERA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tessera}"

tessera_path_first() {
    case ":$PATH:" in
        *":$1:"*) ;;
        *) PATH="$1:$PATH" ;;
    esac
}

# True if the first argument names a file: an unmatched glob stays as it is written.
tessera_exists() {
    [ -e "$1" ]
}

# bindgen needs libclang and also clang's own headers, which are packaged apart.
tessera_system_libclang() {
    { tessera_exists /usr/lib/llvm-*/lib/libclang.so* ||
        tessera_exists /usr/lib/llvm-*/lib/libclang-*.so* ||
        tessera_exists /usr/lib*/libclang.so*; } &&
        { tessera_exists /usr/lib/llvm-*/lib/clang/*/include/stddef.h ||
            tessera_exists /usr/lib*/clang/*/include/stddef.h; }
}

tessera_path_first "$TESSERA_CACHE/mongodb/fiftyone/db/bin"
tessera_path_first "$TESSERA_CACHE/npm/node_modules/.bin"
tessera_path_first "$TESSERA_CACHE/cargo/bin"

# Tailwind looks up `@import "tailwindcss"` here: the checkout has no node_modules.
case ":${NODE_PATH:-}:" in
    *":$TESSERA_CACHE/npm/node_modules:"*) ;;
    *) export NODE_PATH="$TESSERA_CACHE/npm/node_modules${NODE_PATH:+:$NODE_PATH}" ;;
esac

# cmake and libclang from the cache only stand in for those of the system.
if ! command -v cmake >/dev/null 2>&1 && [ -x "$TESSERA_CACHE/cmake/cmake/data/bin/cmake" ]; then
    tessera_path_first "$TESSERA_CACHE/cmake/cmake/data/bin"
fi
if [ -z "${LIBCLANG_PATH:-}" ] && ! tessera_system_libclang && [ -d "$TESSERA_CACHE/libclang/clang/native" ]; then
    export LIBCLANG_PATH="$TESSERA_CACHE/libclang/clang/native"
    # That wheel has no headers of its own: the compiler's serve for stddef.h and the like.
    BINDGEN_EXTRA_CLANG_ARGS="${BINDGEN_EXTRA_CLANG_ARGS:-} -I$(cc -print-file-name=include)"
    export BINDGEN_EXTRA_CLANG_ARGS
fi

# The pinned toolchain may be there under the name of its channel only, and
# rustup would then fetch the same compiler again (or, offline, fail).
if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && command -v rustup >/dev/null 2>&1; then
    case "$(rustup toolchain list 2>/dev/null)" in
        1.95.0-* | *"
1.95.0-"*) ;;
        *)
            case "$(rustup run stable rustc --version 2>/dev/null)" in
                "rustc 1.95.0 "*) export RUSTUP_TOOLCHAIN=stable ;;
            esac
            ;;
    esac
fi

if [ -z "${TESSERA_CHROMIUM:-}" ]; then
    for tessera_browser in chromium google-chrome google-chrome-stable chromium-browser; do
        if TESSERA_CHROMIUM="$(command -v "$tessera_browser")"; then
            export TESSERA_CHROMIUM
            break
        fi
    done
    unset tessera_browser
fi

# .config/nextest.toml counts in these.
: "${NEXTEST_TEST_THREADS:=$((3 * $(nproc)))}"
export PATH NEXTEST_TEST_THREADS
