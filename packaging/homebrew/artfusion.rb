# SPDX-License-Identifier: MIT
# A formula for Homebrew on Linux. `make release` writes the release and its hash into it.
class Artfusion < Formula
  desc "Style transfer by latent diffusion, as a C library and a command"
  homepage "https://artfusion.example/libartfusion"
  url "https://artfusion.example/libartfusion/releases/artfusion-@VERSION@.tar.gz"
  sha256 "@SHA256@"
  license all_of: ["MIT", "Apache-2.0"]

  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => [:build, :test]

  depends_on "jansson"
  depends_on "jpeg-turbo"
  depends_on "libpng"
  depends_on :linux
  depends_on "little-cms2"
  depends_on "openssl@3"
  depends_on "popt"
  depends_on "pytorch"
  depends_on "webp"
  depends_on "zlib"

  def install
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja",
           "-DTorch_DIR=#{Formula["pytorch"].opt_share}/cmake/Torch",
           "-DARTFUSION_BUILD_STATIC=OFF", "-DARTFUSION_WERROR=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    (testpath/"test.c").write <<~C
      #include <artfusion.h>
      int main(void) { return artfusion_check_version(ARTFUSION_VERSION) < 0; }
    C
    flags = shell_output("pkgconf --cflags --libs artfusion").chomp.split
    system ENV.cc, "test.c", "-o", "test", *flags
    system "./test"
    system bin/"artfusion", "info", share/"artfusion/mini.artfusion"
  end
end
