using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Host;

/// <summary>Starts the process of a slot and follows it to its end.</summary>
/// <remarks>Used on the supervisor's loop only.</remarks>
internal sealed class ChildRunner(HostContext host)
{
    /// <summary>Starts a waiting slot whose time has come. Returns false when it did not start.</summary>
    public bool TryStart(ChildSlot slot, ProcessSpec spec, int port, DateTimeOffset now)
    {
        ChildProcess process;
        try
        {
            process = host.Monitor.Start(spec);
        }
        catch (IOException exception)
        {
            slot.Failed(exception.Message, now);
            host.Say($"{slot.Name} cannot start: {exception.Message}; next try in {(slot.NotBefore - now).TotalSeconds:0.#} s");
            return false;
        }

        host.Watchdog.Add(process.Id);
        slot.Started(process, port, now);
        _ = FollowAsync(slot, process);
        return true;
    }

    private async Task FollowAsync(ChildSlot slot, ChildProcess process)
    {
        var exit = await process.Exited;
        host.Watchdog.Remove(process.Id);
        host.Post(() =>
        {
            var now = host.Time.GetUtcNow();
            var expected = slot.Phase is SlotPhase.Draining or SlotPhase.Stopping;
            slot.Exited(exit, now);
            host.Say(
                expected
                    ? $"{slot.Name} (process {process.Id}) ended"
                    : $"{slot.Name} (process {process.Id}) died with {exit}; restart in {(slot.NotBefore - now).TotalSeconds:0.#} s"
            );
        });
    }
}
