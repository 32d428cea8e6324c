// SPDX-License-Identifier: MIT

package artfusion_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"log"

	artfusion "artfusion.example/libartfusion/bindings/go"
)

func Example() {
	library, err := artfusion.NewContext(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer library.Close()
	model, err := library.OpenModel("../../models/mini.artfusion")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	photo, err := artfusion.LoadImage("../../examples/images/pagoda.jpg", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer photo.Close()

	options, err := model.SamplerOptions()
	if err != nil {
		log.Fatal(err)
	}
	if err := options.SetPreset(model, "bold"); err != nil {
		log.Fatal(err)
	}
	options.Width, options.Height, options.Steps = 64, 64, 2
	sampler, err := model.NewSampler(&options)
	if err != nil {
		log.Fatal(err)
	}
	defer sampler.Close()
	if err := sampler.SetContent(artfusion.All, photo); err != nil {
		log.Fatal(err)
	}
	if err := sampler.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	result, err := sampler.Image(0)
	if err != nil {
		log.Fatal(err)
	}
	defer result.Close()
	fmt.Println(result.Width(), result.Height())
	// Output: 64 64
}

func ExampleError() {
	_, err := artfusion.LoadImage("none.png", nil)
	fmt.Println(err)
	fmt.Println(errors.Is(err, artfusion.ErrIO))
	// Output:
	// none.png: opening: No such file or directory
	// true
}

func ExampleParse() {
	solver, err := artfusion.Parse[artfusion.Solver]("unipc")
	fmt.Println(solver == artfusion.SolverUniPC, err)
	// Output: true <nil>
}

func ExampleTimesteps() {
	timesteps, err := artfusion.Timesteps(artfusion.SpacingTrailing, 4, 1000)
	fmt.Println(timesteps, err)
	// Output: [999 749 499 249] <nil>
}

func ExampleFromImage() {
	glass := image.NewUniform(color.NRGBA{R: 255, A: 51})
	picture, err := artfusion.FromImage(&image.Paletted{
		Pix: make([]uint8, 1), Stride: 1, Rect: image.Rect(0, 0, 1, 1), Palette: color.Palette{glass.C},
	}, color.White)
	if err != nil {
		log.Fatal(err)
	}
	defer picture.Close()
	rgb, err := picture.RGB()
	fmt.Println(rgb, err)
	// Output: [255 204 204] <nil>
}
