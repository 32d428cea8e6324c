// SPDX-License-Identifier: MIT

package artfusion

// #include <artfusion.h>
import "C"

import "math"

// Encode returns a picture's latent[channels, height / downsample, width / downsample]. The picture's
// sides must be multiples of the model's SizeMultiple.
func (m *Model) Encode(image *Image, kind LatentKind) ([]float32, error) {
	model, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	picture, imageDone, err := image.use()
	if err != nil {
		return nil, err
	}
	defer imageDone()
	info, err := m.Info()
	if err != nil {
		return nil, err
	}
	width, height := int(C.artfusion_image_width(picture)), int(C.artfusion_image_height(picture))
	// At least one value, so that the library says what is wrong with a picture that is too small.
	count := info.LatentChannels * (width / info.Downsample) * (height / info.Downsample)
	latent := make([]float32, count, count+1)
	err = call(func() C.artfusion_status {
		return C.artfusion_model_encode(model, picture, C.artfusion_latent_kind(kind),
			(*C.float)(&latent[:1][0]), C.size_t(count))
	})
	if err != nil {
		return nil, err
	}
	return latent, nil
}

// Decode returns the rgb[batch, 3, height, width] of a scaled latent[batch, channels, latentHeight,
// latentWidth], nominally -1..1 and not clamped.
func (m *Model) Decode(latent []float32, batch, latentWidth, latentHeight int) ([]float32, error) {
	model, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	info, err := m.Info()
	if err != nil {
		return nil, err
	}
	err = checkLength("latent", len(latent), batch, info.LatentChannels, latentHeight, latentWidth)
	if err != nil {
		return nil, err
	}
	count := len(latent) / info.LatentChannels * 3 * info.Downsample * info.Downsample
	rgb := make([]float32, count)
	err = call(func() C.artfusion_status {
		return C.artfusion_model_decode(model, (*C.float)(&latent[0]), clamp(batch), clamp(latentWidth),
			clamp(latentHeight), (*C.float)(&rgb[0]), C.size_t(count))
	})
	if err != nil {
		return nil, err
	}
	return rgb, nil
}

// Denoise is one pass of the UNet without guidance: its prediction, as ModelInfo says, for x[batch,
// channels, latentHeight, latentWidth] at timesteps[batch]. Content is the content condition, with the
// shape of x, or nil for the null content; styles are [batch, StyleWidth], or nil for the null style.
func (m *Model) Denoise(x []float32, timesteps []int32, content, styles []float32,
	latentWidth, latentHeight int) ([]float32, error) {
	model, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	info, err := m.Info()
	if err != nil {
		return nil, err
	}
	batch := len(timesteps)
	if err := checkLength("x", len(x), batch, info.LatentChannels, latentHeight, latentWidth); err != nil {
		return nil, err
	}
	if content != nil && len(content) != len(x) {
		return nil, argumentError("content has %d values and x %d", len(content), len(x))
	}
	if styles != nil {
		if err := checkLength("styles", len(styles), batch, info.StyleWidth); err != nil {
			return nil, err
		}
	}
	prediction := make([]float32, len(x))
	err = call(func() C.artfusion_status {
		return C.artfusion_model_denoise(model, (*C.float)(&x[0]), (*C.int32_t)(&timesteps[0]),
			(*C.float)(first(content)), (*C.float)(first(styles)), clamp(batch), clamp(latentWidth),
			clamp(latentHeight), (*C.float)(&prediction[0]))
	})
	if err != nil {
		return nil, err
	}
	return prediction, nil
}

// checkLength wants the length of a tensor, which has at least one value.
func checkLength(name string, length int, shape ...int) error {
	if count, ok := volume(shape...); !ok || length != count {
		return argumentError("%s has %d values, which are no %v", name, length, shape)
	}
	return nil
}

// volume multiplies sides, all to be 1 or more.
func volume(sides ...int) (product int, ok bool) {
	product = 1
	for _, side := range sides {
		if side < 1 || product > math.MaxInt/side {
			return 0, false
		}
		product *= side
	}
	return product, true
}
