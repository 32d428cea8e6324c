// SPDX-License-Identifier: MIT

package artfusion

import (
	"image"
	"image/color"
)

// copyImage writes RGB rows that begin stride bytes after one another, over white unless told otherwise.
func copyImage(rgb []byte, stride int, from image.Image, background color.Color) {
	behind := [3]uint8{255, 255, 255}
	if background != nil {
		behind = opaque(background)
	}
	b := from.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row := rgb[(y-b.Min.Y)*stride:]
		switch p := from.(type) {
		case *image.NRGBA:
			for at, x := p.PixOffset(b.Min.X, y), 0; x < b.Dx(); at, x = at+4, x+1 {
				s := p.Pix[at : at+4 : at+4]
				blend(row[3*x:], color.NRGBA{R: s[0], G: s[1], B: s[2], A: s[3]}, &behind)
			}
		case *image.RGBA:
			for at, x := p.PixOffset(b.Min.X, y), 0; x < b.Dx(); at, x = at+4, x+1 {
				s := p.Pix[at : at+4 : at+4]
				if s[3] == 255 {
					copy(row[3*x:], s[:3])
				} else {
					blend(row[3*x:], straight(color.RGBA{R: s[0], G: s[1], B: s[2], A: s[3]}), &behind)
				}
			}
		case *image.YCbCr:
			for x := 0; x < b.Dx(); x++ {
				luma, chroma := p.YOffset(b.Min.X+x, y), p.COffset(b.Min.X+x, y)
				s := row[3*x : 3*x+3 : 3*x+3]
				s[0], s[1], s[2] = color.YCbCrToRGB(p.Y[luma], p.Cb[chroma], p.Cr[chroma])
			}
		default:
			for x := 0; x < b.Dx(); x++ {
				blend(row[3*x:], straight(from.At(b.Min.X+x, y)), &behind)
			}
		}
	}
}

// straight is a colour not multiplied by its alpha.
func straight(c color.Color) color.NRGBA {
	if wide, ok := c.(color.NRGBA64); ok {
		// The model's way, by multiplying, would lose the colour behind an alpha of 0.
		return color.NRGBA{
			R: uint8(wide.R >> 8), G: uint8(wide.G >> 8), B: uint8(wide.B >> 8), A: uint8(wide.A >> 8),
		}
	}
	return color.NRGBAModel.Convert(c).(color.NRGBA)
}

// blend rounds as the library does, which is as Pillow does.
func blend(rgb []byte, c color.NRGBA, behind *[3]uint8) {
	for i, level := range [3]uint8{c.R, c.G, c.B} {
		product := int(level)*int(c.A) + int(behind[i])*(255-int(c.A)) + 128
		rgb[i] = uint8((product>>8 + product) >> 8)
	}
}

func opaque(c color.Color) [3]uint8 {
	s := straight(c)
	return [3]uint8{s.R, s.G, s.B}
}
