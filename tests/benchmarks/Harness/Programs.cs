using System.Diagnostics;

namespace Mooring.Benchmarks.Harness;

internal static class Programs
{
    // Where Debian keeps servers, and what the PATH of an ordinary user leaves out.
    private static readonly string[] MoreDirectories = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

    /// <summary>Path of an installed program; null where there is none of this name.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Concat(MoreDirectories)
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);

    /// <summary>What a program prints, on either stream; null when <paramref name="path"/> is null.</summary>
    public static string? Output(string? path, params string[] arguments)
    {
        if (path is null)
        {
            return null;
        }

        var start = new ProcessStartInfo(path, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;

        // A few lines at most, so neither pipe can fill while the other is read.
        var output = process.StandardOutput.ReadToEnd();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (output.Length > 0 ? output : error).Trim();
    }
}
