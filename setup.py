"""Builds the native kernel where Cython and a C++17 compiler are there; without them the package works, only slower."""

from pathlib import Path

from setuptools import Extension, setup


def extensions() -> list[Extension]:
    """Return the native modules of `ferryman.kernel`, each optional."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    sources = sorted(Path("src/ferryman/kernel").glob("_*.pyx"))
    modules = [
        Extension(
            f"ferryman.kernel.{source.stem}",
            [str(source)],
            language="c++",
            extra_compile_args=["-O3", "-std=c++17", "-g0", "-Wno-sign-compare"],
        )
        for source in sources
    ]
    made: list[Extension] = cythonize(modules, build_dir="build/cython", include_path=["src"], quiet=True)
    for module in made:
        module.optional = True  # said here: cythonize forgets it
    return made


setup(ext_modules=extensions())
