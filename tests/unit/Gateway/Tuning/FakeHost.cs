using Mooring.Gateway.Tuning;

namespace Mooring.Gateway.Tests.Tuning;

/// <summary>A host as a folder: its root, its /proc/sys and its state directory. Plain files take any value, which a kernel does not.</summary>
internal sealed class FakeHost : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mooring-tuning-");

    public HostPaths Paths =>
        new()
        {
            Root = Path("root"),
            State = Path("state"),
            Sysctls = Path("proc"),
            Sys = Path("sys"),
            Kernel = "6.1.0-test",
        };

    public string Path(string name) => System.IO.Path.Combine(_folder.FullName, name);

    public void Write(string file, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(file))!);
        File.WriteAllText(Path(file), text);
    }

    public void Set(string sysctl, string value) => Write($"proc/{sysctl.Replace('.', '/')}", value + "\n");

    public string Get(string sysctl) => File.ReadAllText(Path($"proc/{sysctl.Replace('.', '/')}")).Trim();

    public void Dispose() => _folder.Delete(recursive: true);
}
