# SPDX-License-Identifier: MIT
# A port for vcpkg. `make release` writes the release and its hash into it and into vcpkg.json.
vcpkg_check_linkage(ONLY_DYNAMIC_LIBRARY)

vcpkg_download_distfile(archive
  URLS "https://artfusion.example/libartfusion/releases/artfusion-${VERSION}.tar.gz"
  FILENAME "artfusion-${VERSION}.tar.gz"
  SHA512 @SHA512@)
vcpkg_extract_source_archive(source ARCHIVE "${archive}")

vcpkg_check_features(OUT_FEATURE_OPTIONS options FEATURES torch ARTFUSION_ENGINE_TORCH)
if("torch" IN_LIST FEATURES)
  list(APPEND options "-DTorch_DIR=${CURRENT_INSTALLED_DIR}/share/torch")
endif()
vcpkg_find_acquire_program(PKGCONFIG)
vcpkg_cmake_configure(
  SOURCE_PATH "${source}"
  OPTIONS ${options}
    "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}"
    -DARTFUSION_BUILD_STATIC=OFF
    -DARTFUSION_BUILD_TOOLS=OFF
    -DARTFUSION_WERROR=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/artfusion)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${source}/LICENSE" "${source}/models/LICENSE-efficientnet-lite0.txt")
