using System.Net.Sockets;
using Mooring.Contracts.Handover;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Handover;

/// <summary>Hands this gateway's connections over to other gateways for as long as it is told to.</summary>
/// <remarks>
/// Level-based: it goes through all connections again and again, so those that were still being connected go once they stand, and a target
/// that died is dialled again. <see cref="Direct"/> is for any thread, <see cref="RunAsync"/> is called once.
/// </remarks>
internal sealed class HandoverDispatcher(GatewayEngine engine, GatewayLog log, TimeProvider time) : IDisposable
{
    /// <summary>Targets at most.</summary>
    public const int MaxTargets = 64;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Redial = TimeSpan.FromMilliseconds(500);

    /// <summary>Those who answer within it have their share from the first connection on.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(250);

    /// <summary>How long the drain's closes wait for a target that cannot be reached: one that died is replaced in less.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly HandoverGiver _giver = new(engine);
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Dictionary<string, HandoverLink> _links = [];
    private readonly Dictionary<string, Task<HandoverLink?>> _dials = [];
    private readonly Dictionary<string, long> _failed = [];
    private IReadOnlyList<string> _targets = [];
    private volatile HandoverLink? _standing;
    private volatile bool _pending;

    /// <summary>What can be handed over may still go: a drain need not close it yet.</summary>
    public bool IsPending => _pending;

    /// <summary>Connections handed over since the start.</summary>
    public long Given => _giver.Given;

    /// <summary>Whom to hand over to from now on: Unix sockets of gateways. Empty: nobody; what was handed over stays there.</summary>
    /// <param name="targets">At most <see cref="MaxTargets"/>; more are ignored.</param>
    /// <param name="link">A link to the first of them that stands already.</param>
    public void Direct(IReadOnlyList<string> targets, HandoverLink? link = null)
    {
        if (targets.Count > MaxTargets || Volatile.Read(ref _targets).SequenceEqual(targets))
        {
            return;
        }

        _standing = link;
        _pending = targets.Count > 0;
        Volatile.Write(ref _targets, [.. targets]);
        _wake.Release();
    }

    /// <summary>Runs until cancelled; the batch under way is settled first.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        try
        {
            while (true)
            {
                await _wake.WaitAsync(cancel);
                await ServeAsync(Volatile.Read(ref _targets), cancel);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The gateway ends.
        }
        finally
        {
            _pending = false;
            Drop([]);
        }
    }

    public void Dispose() => _wake.Dispose();

    /// <summary>Runs until other targets are set.</summary>
    private async Task ServeAsync(IReadOnlyList<string> targets, CancellationToken cancel)
    {
        Drop(targets);
        if (Interlocked.Exchange(ref _standing, null) is { } link && targets.Count > 0)
        {
            _links[targets[0]] = link;
        }

        var start = time.GetTimestamp();
        var lastLink = start;
        var (given, told) = (_giver.Given, -1L);
        while (targets.Count > 0)
        {
            var unreachable = await DialAsync(targets, cancel);
            var links = _links.Values.ToList();
            if (links.Count > 0)
            {
                await _giver.PassAsync(links, cancel);
                lastLink = time.GetTimestamp();
                foreach (var (target, _) in _links.Where(pair => !links.Contains(pair.Value)).ToList())
                {
                    _links.Remove(target);
                    log.Event("handover_broken", ("target", target));
                }
            }

            // A whole pass is through: what is still here cannot be moved, or not yet.
            _pending = links.Count == 0 && unreachable && time.GetElapsedTime(lastLink) < Patience;
            if (_giver.Given - given is var count && count != told && links.Count > 0)
            {
                told = count;
                log.Event(
                    "handed_over",
                    ("connections", count),
                    ("left", engine.Connections),
                    ("milliseconds", time.GetElapsedTime(start).TotalMilliseconds),
                    ("longestBatchMilliseconds", _giver.LongestBatch.TotalMilliseconds)
                );
            }

            if (await _wake.WaitAsync(Pause, cancel))
            {
                // Other targets: the caller's wake-up.
                _wake.Release();
                return;
            }
        }
    }

    /// <summary>Dials those without a link, all at once; true when one did not answer, as when it has just died and is about to be started again.</summary>
    /// <remarks>One that hangs keeps nobody from the others: it is waited for a moment, and then beside them.</remarks>
    private async Task<bool> DialAsync(IReadOnlyList<string> targets, CancellationToken cancel)
    {
        var due = targets
            .Where(target =>
                !_links.ContainsKey(target)
                && !_dials.ContainsKey(target)
                && !(_failed.TryGetValue(target, out var at) && time.GetElapsedTime(at) < Redial)
            )
            .ToList();
        if (due.Count > 0)
        {
            due.ForEach(target => _dials.Add(target, DialAsync(target, HandoverPurpose.Give, cancel)));
            await Task.WhenAny(Task.WhenAll(due.Select(target => _dials[target])), Task.Delay(Moment, time, cancel));
        }

        foreach (var target in targets.Where(target => _dials.TryGetValue(target, out var dial) && dial.IsCompleted))
        {
            _dials.Remove(target, out var dial);
            try
            {
                if (await dial! is { } link)
                {
                    _links.Add(target, link);
                }

                _failed.Remove(target);
            }
            catch (Exception problem) when (problem is SocketException or IOException or InvalidDataException)
            {
                if (_failed.TryAdd(target, time.GetTimestamp()))
                {
                    log.Event("handover_unreachable", ("target", target), ("reason", problem.Message));
                }

                _failed[target] = time.GetTimestamp();
            }
        }

        return targets.Any(target => _dials.ContainsKey(target) || _failed.ContainsKey(target));
    }

    /// <summary>Connects to a gateway and exchanges hellos; null where it does not take connections.</summary>
    /// <exception cref="IOException">It does not answer, or is of another form.</exception>
    /// <exception cref="SocketException">Nobody listens there.</exception>
    public static async Task<HandoverLink?> DialAsync(string path, HandoverPurpose purpose, CancellationToken cancel)
    {
        var link = new HandoverLink(await HandoverReceiver.ConnectAsync(path, cancel));
        try
        {
            var hello = new HandoverHello
            {
                Version = HandoverHello.CurrentVersion,
                Purpose = purpose,
                ProcessId = Environment.ProcessId,
            };
            await link.SendAsync(LinkMessage.Hello, hello.ToJson(), cancel);
            var answer = HandoverHello.Parse(await link.ExpectAsync(LinkMessage.Hello, cancel));
            if (answer.Version != HandoverHello.CurrentVersion)
            {
                throw new IOException($"the gateway at {path} speaks form {answer.Version}, this one {HandoverHello.CurrentVersion}");
            }

            if (purpose == HandoverPurpose.Take || answer.Serves)
            {
                return link;
            }

            link.Dispose();
            return null;
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    private void Drop(IReadOnlyList<string> wanted)
    {
        foreach (var (target, link) in _links.Where(pair => !wanted.Contains(pair.Key)).ToList())
        {
            link.Dispose();
            _links.Remove(target);
        }

        foreach (var (target, dial) in _dials.Where(pair => !wanted.Contains(pair.Key)).ToList())
        {
            _dials.Remove(target);
            _ = DisposeAsync(dial);
        }

        _failed.Clear();
    }

    // It hangs, perhaps, and ends by its own time-out.
    private static async Task DisposeAsync(Task<HandoverLink?> dial)
    {
        try
        {
            (await dial)?.Dispose();
        }
        catch (Exception problem) when (problem is SocketException or IOException or InvalidDataException or OperationCanceledException)
        {
            // Nobody asks any more.
        }
    }
}
