using System.ComponentModel;
using System.Diagnostics;

namespace Mooring.Benchmarks.Harness;

internal static class Programs
{
    /// <summary>First line that <c>program arguments</c> prints, on either stream; null when there is no such program.</summary>
    public static string? FirstLine(string program, string arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments)
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                    UseShellExecute = false,
                }
            )!;
            var error = process.StandardError.ReadToEndAsync();
            var line = process.StandardOutput.ReadToEnd().Split('\n')[0];
            process.WaitForExit();
            return line.Length > 0 ? line : error.GetAwaiter().GetResult().Split('\n')[0];
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
