/* SPDX-License-Identifier: MIT
 * Several pictures of one size on one sheet, row by row. */
#ifndef TOOLS_SHEET_H
#define TOOLS_SHEET_H

#include "artfusion.h"

/* A black sheet for `count` pictures in a grid as square as it gets, two pixels around each; a
 * single picture has the sheet to itself. */
artfusion_status sheet_create(int32_t count, int32_t width, int32_t height,
                              artfusion_image **sheet);

/* Copies `picture`, of the sheet's picture size, to its place `index` of `count`. */
void sheet_place(artfusion_image *sheet, int32_t count, int32_t index, artfusion_image *picture);

#endif
