// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>
*/
import "C"

import (
	"context"
	"unsafe"
)

// StylizeFile opens the model, stylises the content file with the style file and writes a PNG, JPEG or
// WebP by the output's suffix. All options are the model's defaults; the longer side becomes the
// model's native one. After an error, what was at the output's path is still there.
func StylizeFile(model, content, style, output string) error {
	if err := checkVersion(C.ARTFUSION_VERSION); err != nil {
		return err
	}
	var paths [4]*C.char
	for i, path := range []string{model, content, style, output} {
		var err error
		if paths[i], err = cString("path", path); err != nil {
			return err
		}
		defer C.free(unsafe.Pointer(paths[i]))
	}
	return call(func() C.artfusion_status {
		return C.artfusion_stylize_file(paths[0], paths[1], paths[2], paths[3])
	})
}

// Stylize repaints the photo in the painting's style, as [StylizeFile] does, but in memory and with
// options; nil options are the model's defaults. If the size is the model's native one, as
// [Model.SamplerOptions] fills it in, it becomes one with the photo's proportions; any other is kept.
// When ctx is done, it ends within one call of the networks. A [Sampler] does the same step by step.
func (m *Model) Stylize(ctx context.Context, photo, painting *Image, options *SamplerOptions) (*Image, error) {
	info, err := m.Info()
	if err != nil {
		return nil, err
	}
	o, err := m.SamplerOptions()
	if err != nil {
		return nil, err
	}
	if options != nil {
		o = *options
	}
	if o.Batch != 1 {
		return nil, argumentError("Batch is %d: Stylize makes one picture, a Sampler makes several", o.Batch)
	}
	if o.Width == info.NativeWidth && o.Height == info.NativeHeight {
		if err := o.SetSize(m, photo, 0); err != nil {
			return nil, err
		}
	}
	style, err := m.StyleFromImage(painting)
	if err != nil {
		return nil, err
	}
	defer style.Close()
	sampler, err := m.NewSampler(&o)
	if err != nil {
		return nil, err
	}
	defer sampler.Close()
	if err := sampler.SetContent(All, photo); err != nil {
		return nil, err
	}
	if err := sampler.SetStyle(All, style); err != nil {
		return nil, err
	}
	if err := sampler.Run(ctx); err != nil {
		return nil, err
	}
	return sampler.Image(0)
}
