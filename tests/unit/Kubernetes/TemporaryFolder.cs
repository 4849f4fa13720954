namespace Mooring.Kubernetes.Tests;

/// <summary>A folder that goes with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("mooring-test-").FullName;

    /// <summary>Writes a file. Returns its path.</summary>
    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Writes a shell script that can be run. Returns its path.</summary>
    public string WriteScript(string name, string body)
    {
        var path = Write(name, "#!/bin/sh\n" + body);
#pragma warning disable CA1416 // Mooring is for Linux only.
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
#pragma warning restore CA1416
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
