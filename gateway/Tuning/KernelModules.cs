using System.Runtime.InteropServices;

namespace Mooring.Gateway.Tuning;

/// <summary>Loads kernel modules of the host's own <c>/lib/modules</c>, without a shell or modprobe: the image has neither.</summary>
/// <param name="hostRoot">The host's root directory.</param>
/// <param name="sys">Mount of sysfs.</param>
/// <param name="release">The kernel's release, as <c>uname -r</c>.</param>
/// <param name="insert">Gives one file below <see cref="Directory"/> to the kernel and returns why that failed; null: by finit_module(2).</param>
internal sealed partial class KernelModules(string hostRoot, string sys, string release, Func<string, string?>? insert = null)
{
    // linux/module.h: the kernel unpacks .ko.xz and .ko.zst itself, since 5.17.
    private const int CompressedFile = 4;
    private const int AlreadyLoaded = 17;
    private const int MaxDependencies = 32;

    private string Directory => Path.Combine(hostRoot, "lib/modules", release);

    /// <summary>Loaded, or part of the kernel itself.</summary>
    public bool IsPresent(string module) =>
        System.IO.Directory.Exists(Path.Combine(sys, "module", module)) || Lines("modules.builtin").Any(line => NameOf(line) == module);

    /// <summary>Loads the module and what it depends on. Returns why that failed; null: it is there.</summary>
    public string? Load(string module)
    {
        if (IsPresent(module))
        {
            return null;
        }

        var line = Lines("modules.dep").FirstOrDefault(entry => NameOf(entry.Split(':')[0]) == module);
        if (line is null)
        {
            return $"the kernel {release} has no module {module}";
        }

        // modules.dep(5): the module, then what it needs, the deepest last.
        var parts = line.Split(':', 2);
        var files = parts[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).Reverse().Append(parts[0].Trim()).ToList();
        if (files.Count > MaxDependencies)
        {
            return $"{module} depends on more than {MaxDependencies} modules";
        }

        foreach (var file in files)
        {
            if (!IsPresent(NameOf(file)) && (insert ?? Insert)(file) is { } problem)
            {
                return $"{NameOf(file)}: {problem}";
            }
        }

        return null;
    }

    internal static string NameOf(string file)
    {
        var name = Path.GetFileName(file.Trim());
        var end = name.IndexOf(".ko", StringComparison.Ordinal);
        return (end < 0 ? name : name[..end]).Replace('-', '_');
    }

    private string? Insert(string file)
    {
        try
        {
            using var handle = File.OpenHandle(Path.Combine(Directory, file));
            var flags = file.EndsWith(".ko", StringComparison.Ordinal) ? 0 : CompressedFile;
            if (FinitModule((int)handle.DangerousGetHandle(), "", flags) == 0)
            {
                return null;
            }

            var error = Marshal.GetLastPInvokeError();
            return error == AlreadyLoaded ? null : Marshal.GetPInvokeErrorMessage(error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error.Message;
        }
    }

    private IEnumerable<string> Lines(string file)
    {
        try
        {
            return File.ReadLines(Path.Combine(Directory, file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static int FinitModule(int descriptor, string parameters, int flags) =>
        (int)Syscall(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 273 : 313, descriptor, parameters, flags);

    // glibc has no wrapper for finit_module(2).
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long Syscall(long number, long descriptor, string parameters, long flags);
}
