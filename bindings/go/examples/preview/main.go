// SPDX-License-Identifier: MIT

// Preview does what a program with a window does: a preview after each step, and the user may stop.
//
//	preview mini.artfusion photo.jpg painting.jpg step- 3
//
// writes step-1.png, step-2.png and step-3.png and is then stopped; without the number, or with one
// that is not reached, step-8.png is the result.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	artfusion "artfusion.example/libartfusion/bindings/go"
)

const steps = 8

// errEnough ends the run that its user has seen enough of.
var errEnough = errors.New("stopped")

func main() {
	if len(os.Args) != 5 && len(os.Args) != 6 {
		fmt.Fprintf(os.Stderr, "usage: %s MODEL PHOTO PAINTING PREFIX [LAST]\n", os.Args[0])
		os.Exit(2)
	}
	last := steps + 1
	var err error
	if len(os.Args) == 6 {
		last, err = strconv.Atoi(os.Args[5])
	}
	if err == nil {
		err = preview(os.Args[1], os.Args[2], os.Args[3], os.Args[4], last)
	}
	if errors.Is(err, errEnough) {
		fmt.Println("stopped")
	} else if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func preview(modelPath, photoPath, paintingPath, prefix string, last int) error {
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
	options.Steps = steps
	options.OnStep = func(s *artfusion.Sampler) error { return afterStep(s, prefix, last) }
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
	return sampler.Run(context.Background())
}

func afterStep(s *artfusion.Sampler, prefix string, last int) error {
	progress, err := s.Progress()
	if err != nil {
		return err
	}
	picture, err := s.Image(0)
	if err != nil {
		return err
	}
	defer picture.Close()
	if err := picture.Save(fmt.Sprintf("%s%d.png", prefix, progress.Step), nil); err != nil {
		return err
	}
	fmt.Printf("step %d of %d\n", progress.Step, progress.Steps)
	if progress.Step == last {
		return errEnough
	}
	return nil
}
