using System.Net.Sockets;
using Mooring.Contracts.Handover;

namespace Mooring.Gateway.Serving;

/// <summary>Takes listening sockets from the supervisor as long as it gives some.</summary>
internal static class HandoverClient
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    // An operator that never pushes must not leave the queue unserved: refusals say more than silence.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>Runs until cancelled. Without a supervisor the sockets taken before serve on.</summary>
    public static async Task RunAsync(string path, GatewayEngine engine, TextWriter error, TimeProvider time, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                using var socket = await HandoverReceiver.ConnectAsync(path, cancel);
                await TakeAsync(new HandoverReceiver(socket), engine, time, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem) when (problem is SocketException or IOException or InvalidDataException)
            {
                await error.WriteLineAsync($"handover from {path}: {problem.Message}");
            }

            try
            {
                await Task.Delay(Retry, time, cancel);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>
    /// Reads on while connections cannot be carried yet, and puts the latest set in force once they can: descriptors that nobody reads count
    /// against the supervisor's limit of open files.
    /// </summary>
    private static async Task TakeAsync(HandoverReceiver receiver, GatewayEngine engine, TimeProvider time, CancellationToken cancel)
    {
        HandoverSet? latest = null;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var servable = Task.CompletedTask;
        Task<HandoverSet?>? next = null;
        try
        {
            while (true)
            {
                next ??= receiver.ReceiveAsync(ended.Token);
                if (latest is not null && !next.IsCompleted)
                {
                    await Task.WhenAny(next, servable);
                }

                if (latest is not null && !next.IsCompleted)
                {
                    await servable;
                    await engine.AdoptAsync([.. latest.Sockets.Select(descriptor => descriptor.Release())]);
                    latest = null;
                    continue;
                }

                var set = await next;
                next = null;
                latest?.Dispose();
                latest = set;
                if (set is null)
                {
                    return;
                }

                servable = servable.IsCompleted ? ServableAsync(engine, time, ended.Token) : servable;
            }
        }
        finally
        {
            latest?.Dispose();
            await ended.CancelAsync();
            await Task.WhenAll(servable, next ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Waits until connections can be carried: clients that a sibling could take, or that wait in the queue of a gateway that died, must not be
    /// refused by one that has its sockets before its endpoints.
    /// </summary>
    private static async Task ServableAsync(GatewayEngine engine, TimeProvider time, CancellationToken cancel)
    {
        var start = time.GetTimestamp();
        while ((engine.Snapshot is null || engine.WaitingBackends.Count > 0) && time.GetElapsedTime(start) < LongestWait)
        {
            await Task.Delay(Poll, time, cancel);
        }
    }
}
