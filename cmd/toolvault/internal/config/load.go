package config

import (
	"errors"
	"io/fs"
)

// Load reads a file. Its error is of type Errors; errors.Is(err,
// fs.ErrNotExist) tells that there is none.
func Load(path string, known Known) (*Config, error) {
	b, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, b, known)
}

func read(path string) ([]byte, error) {
	b, err := readRegular(path, maxSize)
	if err == nil {
		return b, nil
	}
	e := newError(path, Position{}, "", "the config file cannot be read: %v", reason(err))
	e.cause = err
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Message = "there is no such config file: check the path after --config"
	case errors.Is(err, errTooLarge):
		e.Message = "the file is larger than 1 MiB, which no config needs"
	}
	return nil, Errors{e}
}
