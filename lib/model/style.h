/* SPDX-License-Identifier: MIT */
#ifndef AF_MODEL_STYLE_H
#define AF_MODEL_STYLE_H

#include "artfusion.h"

struct artfusion_style {
    artfusion_model *model;
    float *values; /* [model->manifest.style_width] */
};

/* Whether codes of `model` are ones of `style`'s too. Their digest is not enough: that of
 * format 1 is of the weights, and the width is the manifest's word. */
int af_style_is_of(const artfusion_style *style, const artfusion_model *model);

#endif
