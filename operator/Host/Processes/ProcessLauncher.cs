using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Mooring.Operator.Host.Processes;

/// <summary>Starts processes by posix_spawn(3): own process group, default signals, no descriptor but the first three.</summary>
/// <remarks>
/// <c>System.Diagnostics.Process</c> can set no process group, and a Ctrl-C in the terminal would then reach every child at the same time as the
/// supervisor, which could drain nothing any more.
/// </remarks>
internal static unsafe class ProcessLauncher
{
    private const UnixFileMode AnyExecute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    // What the .NET runtime ignores or handles, and a child must find as usual.
    private static readonly int[] DefaultSignals = [1, Libc.SigInt, 3, Libc.SigPipe, Libc.SigTerm, 17, 18];

    /// <summary>Starts the process; its output goes to <paramref name="output"/>.</summary>
    /// <returns>Its id.</returns>
    /// <exception cref="FileNotFoundException">There is no such program in its PATH.</exception>
    /// <exception cref="IOException">The kernel refused; says why.</exception>
    public static int Start(ProcessSpec spec, int output)
    {
        var path =
            Find(spec.Command[0], spec.Environment.GetValueOrDefault("PATH") ?? "")
            ?? throw new FileNotFoundException($"{spec.Command[0]}: no such program");
        var actions = stackalloc byte[Libc.SpawnActionsBytes];
        var attributes = stackalloc byte[Libc.SpawnAttributesBytes];
        var signals = stackalloc byte[Libc.SignalSetBytes];
        using var arguments = new NativeTexts(spec.Command);
        using var environment = new NativeTexts(spec.Environment.Select(static pair => $"{pair.Key}={pair.Value}"));
        Check(Libc.ActionsInit(actions));
        Check(Libc.AttributesInit(attributes));
        try
        {
            Check(
                spec.StandardInput is { } input
                    ? Libc.ActionsAddDup2(actions, input, 0)
                    : Libc.ActionsAddOpen(actions, 0, "/dev/null", Libc.ORdonly, 0)
            );
            Check(Libc.ActionsAddDup2(actions, output, 1));
            Check(Libc.ActionsAddDup2(actions, output, 2));
            Check(Libc.AttributesSetFlags(attributes, Libc.SpawnSetPgroup | Libc.SpawnSetSigDefault | Libc.SpawnSetSigMask));
            Check(Libc.AttributesSetPgroup(attributes, 0));
            _ = Libc.SignalsEmpty(signals);
            Check(Libc.AttributesSetSigMask(attributes, signals));
            foreach (var signal in DefaultSignals)
            {
                _ = Libc.SignalsAdd(signals, signal);
            }

            Check(Libc.AttributesSetSigDefault(attributes, signals));
            var error = Libc.Spawn(out var process, path, actions, attributes, arguments.Pointers, environment.Pointers);
            return error == 0 ? process : throw new IOException($"{path}: {new Win32Exception(error).Message}");
        }
        finally
        {
            _ = Libc.ActionsDestroy(actions);
            _ = Libc.AttributesDestroy(attributes);
        }
    }

    /// <summary>Where a program is, as execvp(3) would look; null when nowhere.</summary>
    public static string? Find(string program, string path)
    {
        if (program.Contains('/'))
        {
            return IsExecutable(program) ? program : null;
        }

        return path.Split(':')
            .Select(directory => Path.Combine(directory.Length == 0 ? "." : directory, program))
            .FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string path) => File.Exists(path) && (File.GetUnixFileMode(path) & AnyExecute) != UnixFileMode.None;

    private static void Check(int error)
    {
        if (error != 0)
        {
            throw new IOException($"posix_spawn: {new Win32Exception(error).Message}");
        }
    }

    /// <summary>A null-terminated array of C strings.</summary>
    private sealed class NativeTexts : IDisposable
    {
        private readonly int _count;

        public NativeTexts(IEnumerable<string> texts)
        {
            string[] all = [.. texts];
            _count = all.Length;
            Pointers = (byte**)NativeMemory.AllocZeroed((nuint)(all.Length + 1), (nuint)sizeof(byte*));
            for (var i = 0; i < all.Length; i++)
            {
                Pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(all[i]);
            }
        }

        public byte** Pointers { get; }

        public void Dispose()
        {
            for (var i = 0; i < _count; i++)
            {
                Marshal.FreeCoTaskMem((nint)Pointers[i]);
            }

            NativeMemory.Free(Pointers);
        }
    }
}
