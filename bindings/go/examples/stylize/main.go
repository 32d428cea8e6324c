// SPDX-License-Identifier: MIT

// Stylize gives a photo a painting's style, step by step:
//
//	stylize mini.artfusion photo.jpg painting.jpg result.png
package main

import (
	"context"
	"fmt"
	"os"

	artfusion "artfusion.example/libartfusion/bindings/go"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintf(os.Stderr, "usage: %s MODEL PHOTO PAINTING RESULT\n", os.Args[0])
		os.Exit(2)
	}
	if err := stylize(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func stylize(modelPath, photoPath, paintingPath, resultPath string) error {
	library, err := artfusion.NewContext(nil)
	if err != nil {
		return err
	}
	defer library.Close()
	model, err := library.OpenModel(modelPath)
	if err != nil {
		return err
	}
	defer model.Close()
	photo, err := artfusion.LoadImage(photoPath, nil)
	if err != nil {
		return err
	}
	defer photo.Close()
	painting, err := artfusion.LoadImage(paintingPath, nil)
	if err != nil {
		return err
	}
	defer painting.Close()
	style, err := model.StyleFromImage(painting)
	if err != nil {
		return err
	}
	defer style.Close()

	options, err := model.SamplerOptions()
	if err != nil {
		return err
	}
	if err := options.SetSize(model, photo, 0); err != nil {
		return err
	}
	sampler, err := model.NewSampler(&options)
	if err != nil {
		return err
	}
	defer sampler.Close()
	if err := sampler.SetContent(artfusion.All, photo); err != nil {
		return err
	}
	if err := sampler.SetStyle(artfusion.All, style); err != nil {
		return err
	}
	if err := sampler.Run(context.Background()); err != nil {
		return err
	}
	result, err := sampler.Image(0)
	if err != nil {
		return err
	}
	defer result.Close()
	return result.Save(resultPath, nil)
}
