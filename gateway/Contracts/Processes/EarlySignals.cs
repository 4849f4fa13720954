using System.Runtime.InteropServices;

namespace Mooring.Contracts.Processes;

/// <summary>Ends a process that is asked to end before it has begun: made first thing in Main, and let go once a verb handles signals itself.</summary>
/// <remarks>
/// The kernel drops a SIGTERM without a handler for the first process of a PID namespace, as a container's is (pid_namespaces(7)): such a pod would stay until its
/// grace has ended. Until <see cref="HandOver"/> SIGTERM, SIGINT and SIGQUIT end the process at once: it carries nobody yet. Thread-safe.
/// </remarks>
public sealed class EarlySignals : IDisposable
{
    private const int SignalBase = 128;
    private static EarlySignals? _current;
    private readonly PosixSignalRegistration[] _registrations;

    private EarlySignals() => _registrations = [On(PosixSignal.SIGTERM, 15), On(PosixSignal.SIGINT, 2), On(PosixSignal.SIGQUIT, 3)];

    /// <summary>Handles signals from now on. One at a time in a process.</summary>
    public static EarlySignals Handle()
    {
        var early = new EarlySignals();
        Volatile.Write(ref _current, early);
        return early;
    }

    /// <summary>Called by a verb whose own handlers are in place; those alone decide from now on. Without effect where nobody called <see cref="Handle"/>.</summary>
    public static void HandOver() => Interlocked.Exchange(ref _current, null)?.Dispose();

    public void Dispose()
    {
        Interlocked.CompareExchange(ref _current, null, this);
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    // The exit code that a shell gives for the signal, as without any handler.
    private PosixSignalRegistration On(PosixSignal signal, int number) =>
        PosixSignalRegistration.Create(
            signal,
            context =>
            {
                // Both may have been called where the verb's came in between: then it knows.
                if (ReferenceEquals(Volatile.Read(ref _current), this))
                {
                    context.Cancel = true;
                    Environment.Exit(SignalBase + number);
                }
            }
        );
}
