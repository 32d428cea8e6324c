# SPDX-License-Identifier: MIT
# A package for nixpkgs, for callPackage. `make release` writes the release and its hash into it.
{
  lib,
  stdenv,
  fetchurl,
  cmake,
  ninja,
  pkg-config,
  jansson,
  lcms2,
  libjpeg,
  libpng,
  libtorch-bin,
  libwebp,
  openssl,
  popt,
  zlib,
}:

stdenv.mkDerivation (finalAttrs: {
  pname = "artfusion";
  version = "@VERSION@";

  src = fetchurl {
    url = "https://artfusion.example/libartfusion/releases/artfusion-${finalAttrs.version}.tar.gz";
    sha256 = "@SHA256@";
  };

  nativeBuildInputs = [
    cmake
    ninja
    pkg-config
  ];
  buildInputs = [
    jansson
    lcms2
    libjpeg
    libpng
    libtorch-bin
    libwebp
    openssl
    popt
    zlib
  ];
  cmakeFlags = [
    "-DTorch_DIR=${lib.getDev libtorch-bin}/share/cmake/Torch"
    "-DARTFUSION_BUILD_STATIC=OFF"
    "-DARTFUSION_WERROR=OFF"
    "-DCMAKE_INSTALL_LIBDIR=lib"
    "-DCMAKE_INSTALL_INCLUDEDIR=include"
    "-DCMAKE_INSTALL_BINDIR=bin"
  ];

  doInstallCheck = true;
  installCheckPhase = ''
    $out/bin/artfusion info $out/share/artfusion/mini.artfusion
  '';

  meta = {
    description = "Style transfer by latent diffusion, as a C library and a command";
    homepage = "https://artfusion.example/libartfusion";
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "artfusion";
    platforms = [ "x86_64-linux" ];
  };
})
