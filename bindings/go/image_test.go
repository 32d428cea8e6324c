// SPDX-License-Identifier: MIT

package artfusion

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// opaqueType hides what an image is.
type opaqueType struct{ image.Image }

func random(pixels []byte) {
	for i := range pixels {
		pixels[i] = byte(rand.Intn(256))
	}
}

func rgbOf(t *testing.T, from image.Image, background color.Color) []byte {
	t.Helper()
	return must(must(FromImage(from, background))(t).RGB())(t)
}

// Each kind, and a part of it that does not begin at 0, is as its colours are.
func TestFromImage(t *testing.T) {
	bounds := image.Rect(-3, 2, 14, 15)
	part := image.Rect(0, 5, 9, 12)
	nrgba := image.NewNRGBA(bounds)
	random(nrgba.Pix)
	rgba := image.NewRGBA(bounds)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			rgba.Set(x, y, nrgba.At(x, y))
		}
	}
	rgba.Set(1, 6, color.Opaque)
	type parted interface {
		image.Image
		SubImage(image.Rectangle) image.Image
	}
	kinds := map[string]parted{"NRGBA": nrgba, "RGBA": rgba}
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		p := image.NewYCbCr(bounds, ratio)
		random(p.Y)
		random(p.Cb)
		random(p.Cr)
		kinds[ratio.String()] = p
	}
	for name, whole := range kinds {
		for _, background := range []color.Color{nil, color.RGBA{10, 200, 90, 255}} {
			for _, p := range []image.Image{whole, whole.SubImage(part)} {
				if !bytes.Equal(rgbOf(t, p, background), rgbOf(t, opaqueType{p}, background)) {
					t.Errorf("%s %v over %v: not as its colours", name, p.Bounds(), background)
				}
			}
		}
	}
	if got := rgbOf(t, rgba.SubImage(image.Rect(1, 6, 2, 7)), nil); !bytes.Equal(got, []byte{255, 255, 255}) {
		t.Errorf("a white pixel is %v", got)
	}

	_, err := FromImage(nil, nil)
	wantError(t, err, ErrArgument)
	_, err = FromImage(image.NewRGBA(image.Rectangle{}), nil)
	wantError(t, err, ErrArgument)
}

// A PNG is the same picture whether Go decodes it or the library.
func TestFromImageAsLoaded(t *testing.T) {
	bounds := image.Rect(0, 0, 119, 70)
	narrow, wide, grey := image.NewNRGBA(bounds), image.NewNRGBA64(bounds), image.NewGray(bounds)
	random(narrow.Pix)
	random(wide.Pix)
	random(grey.Pix)
	copy(narrow.Pix, []byte{1, 2, 3, 0})
	copy(wide.Pix, []byte{1, 2, 3, 4, 5, 6, 0, 0})
	palette := image.NewPaletted(bounds,
		color.Palette{color.NRGBA{200, 1, 77, 128}, color.White, color.NRGBA{9, 8, 7, 0}})
	for i := range palette.Pix {
		palette.Pix[i] = byte(i % 3)
	}
	for name, p := range map[string]image.Image{"8 bits": narrow, "16 bits": wide, "grey": grey, "palette": palette} {
		var file bytes.Buffer
		ok(t, png.Encode(&file, p))
		for _, background := range []color.Color{nil, color.RGBA{10, 200, 90, 255}} {
			loaded := must(must(DecodeImage(file.Bytes(), &LoadOptions{Background: background}))(t).RGB())(t)
			decoded := must(png.Decode(bytes.NewReader(file.Bytes())))(t)
			if !bytes.Equal(rgbOf(t, decoded, background), loaded) {
				t.Errorf("%s over %v: not as loaded", name, background)
			}
		}
	}
}

func TestRGB(t *testing.T) {
	pixels := make([]byte, 3*5*4+7*3) // 5x4 with gaps of 7
	random(pixels)
	i := must(FromRGB(pixels, 5, 4, 22))(t)
	packed := must(i.RGB())(t)
	p := must(i.RGBA())(t)
	if p.Bounds() != image.Rect(0, 0, 5, 4) || len(packed) != 3*5*4 || !p.Opaque() {
		t.Fatalf("%v, %d bytes", p.Bounds(), len(packed))
	}
	for y := 0; y < 4; y++ {
		if !bytes.Equal(packed[15*y:][:15], pixels[22*y:][:15]) {
			t.Errorf("row %d", y)
		}
		for x := 0; x < 5; x++ {
			want := pixels[22*y+3*x:]
			if got := p.RGBAAt(x, y); got != (color.RGBA{want[0], want[1], want[2], 255}) {
				t.Errorf("%d,%d is %v", x, y, got)
			}
		}
	}
	if !bytes.Equal(rgbOf(t, p, nil), packed) {
		t.Error("there and back")
	}
	must(FromRGB(pixels, 5, 1, 15))(t)
	for _, bad := range [][3]int{
		{5, 4, 23}, {5, 5, 22}, {5, 4, 14}, {0, 4, 22}, {5, 0, 22}, {-5, 4, 22}, {5, 4, -22},
		{5, 1 << 62, 22}, {1 << 62, 1, 1 << 62},
	} {
		_, err := FromRGB(pixels, bad[0], bad[1], bad[2])
		if err == nil {
			t.Errorf("%v", bad)
			continue
		}
		wantError(t, err, ErrArgument)
	}
}

func TestFiles(t *testing.T) {
	_, photo, _ := setup(t)
	pixels := must(photo.RGB())(t)
	path := filepath.Join(t.TempDir(), "photo.png")
	ok(t, photo.Save(path, nil))
	file := must(os.ReadFile(path))(t)
	if !bytes.Equal(file, must(photo.Encode(&SaveOptions{Format: FormatPNG, PNGCompression: 6}))(t)) {
		t.Error("Save and Encode differ")
	}
	for _, i := range []*Image{must(LoadImage(path, nil))(t), must(DecodeImage(file, &LoadOptions{}))(t)} {
		if !bytes.Equal(must(i.RGB())(t), pixels) {
			t.Error("not what was saved")
		}
	}
	if n := len(must(photo.Encode(&SaveOptions{Format: FormatPNG, PNGCompression: NoCompression}))(t)); n < len(pixels) {
		t.Errorf("%d bytes without compression", n)
	}
	jpeg := func(quality int) []byte {
		return must(photo.Encode(&SaveOptions{Format: FormatJPEG, JPEGQuality: quality}))(t)
	}
	if !bytes.Equal(jpeg(0), jpeg(95)) || len(jpeg(20)) >= len(jpeg(95)) {
		t.Error("qualities of JPEG")
	}

	_, err := photo.Encode(nil)
	wantError(t, err, ErrArgument)
	_, err = photo.Encode(&SaveOptions{Format: FormatJPEG, JPEGQuality: 101})
	wantError(t, err, ErrArgument)
	_, err = photo.Encode(&SaveOptions{Format: FormatPNG, PNGCompression: -2})
	wantError(t, err, ErrArgument)
	wantError(t, photo.Save("photo.none", nil), ErrArgument)
	_, err = LoadImage(path, &LoadOptions{MaxPixels: testSize*testSize - 1})
	wantError(t, err, ErrLimit)
	_, err = LoadImage(path, &LoadOptions{MaxFileBytes: uint64(len(file)) - 1})
	wantError(t, err, ErrLimit)
	_, err = DecodeImage(nil, nil)
	wantError(t, err, ErrFormat)
	_, err = DecodeImage([]byte("GIF89a"), nil)
	wantError(t, err, ErrFormat)
}

// A JPEG that its camera says to turn.
func TestOrientation(t *testing.T) {
	plain := must(must(FromRGB(make([]byte, 3*4*2), 4, 2, 12))(t).Encode(&SaveOptions{Format: FormatJPEG}))(t)
	exif := []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01" +
		"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	turned := append(append(append([]byte{}, plain[:2]...), exif...), plain[2:]...)
	if i := must(DecodeImage(turned, nil))(t); i.Width() != 2 || i.Height() != 4 {
		t.Errorf("%dx%d", i.Width(), i.Height())
	}
	if i := must(DecodeImage(turned, &LoadOptions{IgnoreOrientation: true}))(t); i.Width() != 4 || i.Height() != 2 {
		t.Errorf("%dx%d, to be left alone", i.Width(), i.Height())
	}
}

func TestResize(t *testing.T) {
	i := must(FromRGB(make([]byte, 3*40*20), 40, 20, 120))(t)
	for name, c := range map[string]struct {
		resize        func(int, int, Filter) (*Image, error)
		width, height int
	}{
		"Resize":      {i.Resize, 10, 10},
		"ResizeFit":   {i.ResizeFit, 10, 5},
		"ResizeCover": {i.ResizeCover, 10, 10},
	} {
		if r := must(c.resize(10, 10, FilterLanczos))(t); r.Width() != c.width || r.Height() != c.height {
			t.Errorf("%s: %dx%d", name, r.Width(), r.Height())
		}
		_, err := c.resize(1<<32+10, 10, FilterBox)
		wantError(t, err, ErrArgument)
		_, err = c.resize(10, 10, 99)
		wantError(t, err, ErrArgument)
	}
}

func TestWebPAndSalvage(t *testing.T) {
	pixels := make([]byte, 3*40*24)
	random(pixels)
	picture := must(FromRGB(pixels, 40, 24, 120))(t)
	lossless := must(picture.Encode(&SaveOptions{Format: FormatWebP, WebPLossless: true}))(t)
	if !bytes.Equal(must(must(DecodeImage(lossless, nil))(t).RGB())(t), pixels) {
		t.Error("a lossless WebP is not what was written")
	}
	size := func(quality int) int {
		return len(must(picture.Encode(&SaveOptions{Format: FormatWebP, WebPQuality: quality}))(t))
	}
	if size(1) >= size(100) {
		t.Error("WebPQuality changes nothing")
	}

	file := must(picture.Encode(&SaveOptions{Format: FormatPNG}))(t)
	cut := file[:len(file)-12] // without its end
	_, err := DecodeImage(cut, nil)
	wantError(t, err, ErrFormat)
	read := must(DecodeImage(cut, &LoadOptions{Salvage: true}))(t)
	if !bytes.Equal(must(read.RGB())(t), pixels) || !strings.Contains(read.Warning(), "all pixels are there") {
		t.Errorf("salvaged with the warning %q", read.Warning())
	}
	if w := must(DecodeImage(file, nil))(t).Warning(); w != "" {
		t.Errorf("a whole file has the warning %q", w)
	}
}

func TestReading(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	clear.Pix[0] = 200
	var file bytes.Buffer
	ok(t, png.Encode(&file, clear))
	for _, c := range []struct {
		options LoadOptions
		want    []byte
	}{
		{LoadOptions{}, []byte{255, 255, 255}},
		{LoadOptions{DropAlpha: true}, []byte{200, 0, 0}},
		{LoadOptions{Reading: ReadingReference}, []byte{200, 0, 0}},
	} {
		if got := must(must(DecodeImage(file.Bytes(), &c.options))(t).RGB())(t); !bytes.Equal(got, c.want) {
			t.Errorf("%+v: %v", c.options, got)
		}
	}
}
