using Mooring.Contracts.Tuning;

namespace Mooring.Gateway.Tuning;

/// <summary>Kernel settings as the files below <c>/proc/sys</c> (proc_sys(5)); what is below <c>net</c> is that of the calling thread's network namespace.</summary>
/// <param name="root"><c>/proc/sys</c>, but in tests.</param>
internal sealed class ProcSysctls(string root) : ISysctls
{
    public bool TryRead(string name, out string value)
    {
        try
        {
            value = SysctlValue.Normalize(File.ReadAllText(PathOf(name)));
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            value = "";
            return false;
        }
    }

    public string? Write(string name, string value)
    {
        try
        {
            // Not File.WriteAllText: it truncates and may write in parts, and the kernel wants one write (proc_dointvec).
            using var file = new FileStream(PathOf(name), FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            file.Write(System.Text.Encoding.ASCII.GetBytes(value + "\n"));
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error switch
            {
                UnauthorizedAccessException => "no right to write it, or /proc/sys is read-only",
                // ENOENT from an open file: a word, such as a qdisc, that the kernel does not know.
                FileNotFoundException => "the kernel does not know this value (a module may be missing)",
                _ => error.Message,
            };
        }
    }

    private string PathOf(string name) => Path.Combine(root, name.Replace('.', '/'));
}
