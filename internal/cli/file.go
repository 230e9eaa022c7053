package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// OpenFile opens the file that a command line names, or standard input for "-".
// The size is 0 where it is not known.
func OpenFile(cmd *cobra.Command, path string) (in io.ReadCloser, name string, size int64, err error) {
	if path == "-" {
		return io.NopCloser(cmd.InOrStdin()), "stdin", 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", 0, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		_ = file.Close()
		return nil, "", 0, errors.Join(err, fmt.Errorf("%s is not a file", path))
	}
	return file, path, info.Size(), nil
}
