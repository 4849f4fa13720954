using Mooring.Gateway.Tuning;

namespace Mooring.Gateway.Tests.Tuning;

/// <summary>A host as a folder: its root, its /proc/sys and its state directory. Plain files take any value, which a kernel does not.</summary>
internal sealed class FakeHost : IDisposable
{
    // The most groups of a process: a constant of the kernel.
    private const string ReadOnlySetting = "/proc/sys/kernel/ngroups_max";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mooring-tuning-");

    /// <summary>Another once the host has been started anew.</summary>
    public string Boot { get; set; } = "boot-1";

    public HostPaths Paths =>
        new()
        {
            Root = Path("root"),
            State = Path("state"),
            Sysctls = Path("proc"),
            Sys = Path("sys"),
            Kernel = "6.1.0-test",
            Boot = Boot,
        };

    public static string ReadOnlyValue { get; } = File.ReadAllText(ReadOnlySetting).Trim();

    public string Path(string name) => System.IO.Path.Combine(_folder.FullName, name);

    public void Write(string file, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(file))!);
        File.WriteAllText(Path(file), text);
    }

    public void Set(string sysctl, string value)
    {
        // Also where it is a link.
        if (File.Exists(FileOf(sysctl)))
        {
            File.Delete(FileOf(sysctl));
        }

        Write($"proc/{sysctl.Replace('.', '/')}", value + "\n");
    }

    /// <summary>Makes a setting one that has <see cref="ReadOnlyValue"/> and takes nothing, not even from root, until it is set again.</summary>
    public void SetReadOnly(string sysctl)
    {
        var file = FileOf(sysctl);
        File.Delete(file);
        File.CreateSymbolicLink(file, ReadOnlySetting);
    }

    public string Get(string sysctl) => File.ReadAllText(FileOf(sysctl)).Trim();

    private string FileOf(string sysctl) => Path($"proc/{sysctl.Replace('.', '/')}");

    public void Dispose() => _folder.Delete(recursive: true);
}
