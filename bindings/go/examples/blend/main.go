// SPDX-License-Identifier: MIT

// Blend gives a photo a style between two paintings':
//
//	blend mini.artfusion photo.jpg first.jpg second.jpg 0.5 result.png
//
// The share, from 0 to 1, is that of the second painting.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	artfusion "artfusion.example/libartfusion/bindings/go"
)

func main() {
	if len(os.Args) != 7 {
		fmt.Fprintf(os.Stderr, "usage: %s MODEL PHOTO FIRST SECOND SHARE RESULT\n", os.Args[0])
		os.Exit(2)
	}
	share, err := strconv.ParseFloat(os.Args[5], 64)
	if err == nil {
		err = blend(os.Args[1], os.Args[2], os.Args[3:5], []float64{1 - share, share}, os.Args[6])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func blend(modelPath, photoPath string, paintings []string, weights []float64, resultPath string) error {
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
	var styles []*artfusion.Style
	for _, path := range paintings {
		style, err := styleOf(model, path)
		if err != nil {
			return err
		}
		defer style.Close()
		styles = append(styles, style)
	}
	between, err := artfusion.BlendStyles(styles, weights)
	if err != nil {
		return err
	}
	defer between.Close()

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
	if err := sampler.SetStyle(artfusion.All, between); err != nil {
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

func styleOf(model *artfusion.Model, path string) (*artfusion.Style, error) {
	painting, err := artfusion.LoadImage(path, nil)
	if err != nil {
		return nil, err
	}
	defer painting.Close()
	return model.StyleFromImage(painting)
}
