# SPDX-License-Identifier: MIT
# Who the libraries are that ours and libtorch's are linked with, for cmake/Sbom.cmake.

# Soname, name, licence, supplier.
set(sbom_known
  "^libpng[0-9]*[.]|libpng|libpng-2.0|Organization: the libpng authors"
  "^libjpeg[.]|libjpeg-turbo|IJG AND BSD-3-Clause AND Zlib|Organization: the libjpeg-turbo project"
  "^lib(webp|sharpyuv)[.]|libwebp|BSD-3-Clause|Organization: Google"
  "^liblcms2[.]|lcms2|MIT|Person: Marti Maria"
  "^libjansson[.]|jansson|MIT|Person: Petri Lehtinen"
  "^libcrypto[.]|openssl|Apache-2.0|Organization: the OpenSSL project"
  "^libz[.]|zlib|Zlib|Person: Mark Adler"
  "^libpopt[.]|popt|MIT|Organization: the popt authors"
  "^(libstdc[+][+]|libgcc_s|libgomp)[.]|gcc-runtime|GPL-3.0-or-later WITH GCC-exception-3.1|Organization: Free Software Foundation"
  "^(lib(c|m|dl|rt|pthread)|ld-linux[-a-z0-9_]*)[.]|glibc|LGPL-2.1-or-later|Organization: Free Software Foundation"
  "^lib(torch|c10)|torch|BSD-3-Clause|Organization: PyTorch")

# Whose package a file of ours is, own or torch, and its licence.
function(sbom_licence_of_file name owner licence)
  set(${owner} own PARENT_SCOPE)
  set(${licence} MIT PARENT_SCOPE)
  if(name MATCHES "LICENSE-efficientnet")
    set(${licence} Apache-2.0 PARENT_SCOPE)
  elseif(name MATCHES "[.]artfusion$")
    set(${licence} "MIT AND Apache-2.0" PARENT_SCOPE)
  elseif(name MATCHES "/libgomp[^/]*$")
    set(${owner} torch PARENT_SCOPE)
    set(${licence} "GPL-3.0-or-later WITH GCC-exception-3.1" PARENT_SCOPE)
  elseif(name MATCHES "/libtorch/licenses/third_party/")
    set(${owner} torch PARENT_SCOPE)
    set(${licence} NOASSERTION PARENT_SCOPE)
  elseif(name MATCHES "/libtorch/licenses/|/lib(torch|c10)[^/]*$")
    set(${owner} torch PARENT_SCOPE)
    set(${licence} BSD-3-Clause PARENT_SCOPE)
  elseif(name MATCHES "/doc/artfusion/cuda/")
    set(${owner} torch PARENT_SCOPE)
    set(${licence} NOASSERTION PARENT_SCOPE)
  elseif(name MATCHES "/lib.*/artfusion/[^/]*[.]so" AND NOT name MATCHES "/libartfusion-[^/]*$")
    set(${owner} torch PARENT_SCOPE) # CUDA's, if libtorch's folder has them
    set(${licence} NOASSERTION PARENT_SCOPE)
  endif()
endfunction()

# The file of the system that a library in a Python package is a copy of: auditwheel puts a hash into its name.
function(sbom_grafted name soname)
  set(${soname} "" PARENT_SCOPE)
  if(name MATCHES "^artfusion[.]libs/(lib.*)-[0-9a-f]+([.]so.*)$")
    set(${soname} ${CMAKE_MATCH_1}${CMAKE_MATCH_2} PARENT_SCOPE)
  endif()
endfunction()

# The distribution's package that a library is in: its source's name, version and URL.
function(sbom_distributed soname version url)
  execute_process(COMMAND ${SBOM_COMPILER} -print-file-name=${soname}
    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  find_program(SBOM_DPKG_QUERY dpkg-query)
  if(NOT IS_ABSOLUTE "${path}" OR NOT SBOM_DPKG_QUERY)
    return()
  endif()
  # Where /lib is a link to /usr/lib, packages may know a file by either name.
  cmake_path(NORMAL_PATH path)
  string(REGEX REPLACE "^/usr/" "/" short "${path}")
  foreach(name IN ITEMS ${path} ${short} /usr${short})
    execute_process(COMMAND ${SBOM_DPKG_QUERY} -S ${name}
      OUTPUT_VARIABLE found ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed)
      string(REGEX REPLACE ": .*" "" package "${found}")
      execute_process(
        COMMAND ${SBOM_DPKG_QUERY} -W "-f=\${source:Upstream-Version} \${Version} \${Architecture} \${Package}" ${package}
        OUTPUT_VARIABLE told COMMAND_ERROR_IS_FATAL ANY)
      string(REPLACE " " ";" told "${told}")
      list(GET told 0 upstream)
      list(GET told 1 whole)
      list(GET told 2 architecture)
      list(GET told 3 package)
      set(distribution debian)
      if(EXISTS /etc/os-release)
        file(STRINGS /etc/os-release distribution REGEX "^ID=")
        string(REGEX REPLACE "^ID=\"?([^\"]*)\"?$" "\\1" distribution "${distribution}")
      endif()
      string(REPLACE "+" "%2B" package "${package}") # as URLs have them
      string(REPLACE "+" "%2B" whole "${whole}")
      string(REPLACE ":" "%3A" whole "${whole}")
      set(${version} "${upstream}" PARENT_SCOPE)
      set(${url} "pkg:deb/${distribution}/${package}@${whole}?arch=${architecture}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# A library by its soname, that the file NAME of the package needs.
function(sbom_library soname needer name version licence supplier url)
  set(own_name "${soname}")
  set(own_licence NOASSERTION)
  set(own_supplier NOASSERTION)
  foreach(row IN LISTS sbom_known)
    string(REGEX MATCH "^(.*)[|]([^|]*)[|]([^|]*)[|]([^|]*)$" row "${row}")
    if(soname MATCHES "${CMAKE_MATCH_1}")
      string(REGEX MATCH "[|]([^|]*)[|]([^|]*)[|]([^|]*)$" row "${row}")
      set(own_name "${CMAKE_MATCH_1}")
      set(own_licence "${CMAKE_MATCH_2}")
      set(own_supplier "${CMAKE_MATCH_3}")
      break()
    endif()
  endforeach()
  set(own_version "")
  set(own_url "")
  if(needer MATCHES "engines/torch-([0-9.]+)/" AND own_name STREQUAL torch) # one of several, each with its own
    set(own_version "${CMAKE_MATCH_1}")
    set(own_url "pkg:pypi/torch@${own_version}")
  else()
    sbom_distributed(${soname} own_version own_url)
  endif()
  if(NOT own_version) # no Debian, or not a library of its
    foreach(pair IN LISTS SBOM_RELEASES)
      if(pair MATCHES "^(.*)=(.*)$" AND CMAKE_MATCH_1 STREQUAL own_name)
        set(own_version "${CMAKE_MATCH_2}")
      endif()
    endforeach()
    if(own_version)
      set(own_url "pkg:generic/${own_name}@${own_version}")
    endif()
  endif()
  foreach(result name version licence supplier url)
    set(${${result}} "${own_${result}}" PARENT_SCOPE)
  endforeach()
endfunction()
