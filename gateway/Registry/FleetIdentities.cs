using System.Collections.Concurrent;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Registry;

/// <summary>Keeps the count of users' and devices' WebSockets in the registry, so that their limits are the fleet's.</summary>
/// <remarks>
/// One task, which sends what has gathered in one call after another: a storm of handshakes costs a call for each few hundred. What is in the registry
/// ends by itself, and is said again before it does; so a gateway that is killed, or a registry that loses its memory, is right again within the TTL.
/// While the registry is away nobody is answered, and each gateway goes by its own count. Thread-safe.
/// </remarks>
internal sealed class FleetIdentities : IFleetCount, IAsyncDisposable
{
    /// <summary>How long an entry lives without being said again.</summary>
    public static readonly TimeSpan Ttl = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);

    /// <summary>Changes that are remembered while the registry is away. With more, who left is forgotten by the TTL, and who is there is said at the next renewal.</summary>
    private const int MaxChanged = 1 << 18;

    private readonly IFleetRegistry _registry;
    private readonly IdentityTable _table;
    private readonly string _gateway;
    private readonly TimeProvider _time;
    private readonly ConcurrentQueue<Question> _questions = new();
    private readonly ConcurrentDictionary<ulong, bool> _changed = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private int _woken;

    /// <param name="registry">Shared with others; stays its owner's.</param>
    /// <param name="table">This gateway's own counts.</param>
    /// <param name="gateway">Unique among all processes of the fleet.</param>
    /// <param name="time">The clock.</param>
    public FleetIdentities(IFleetRegistry registry, IdentityTable table, string gateway, TimeProvider time)
    {
        (_registry, _table, _gateway, _time) = (registry, table, gateway, time);
        _running = Task.Run(RunAsync);
        table.Fleet = this;
    }

    public void Ask(IReadOnlyList<IdentityPlace> places, Action<int> answer)
    {
        _questions.Enqueue(new Question(places, answer));
        Wake();
    }

    public void Changed(ulong key)
    {
        _changed[key] = true;
        Wake();
    }

    public async ValueTask DisposeAsync()
    {
        if (_table.Fleet == this)
        {
            _table.Fleet = null;
        }

        await _stop.CancelAsync();
        await _running;
        _wake.Dispose();
        _stop.Dispose();
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _woken, 1) == 0)
        {
            _wake.Release();
        }
    }

    private async Task RunAsync()
    {
        var guard = new FaultGuard("the fleet's count of users and devices", _time);
        var renewed = _time.GetTimestamp();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (await _wake.WaitAsync(Renewal / 4, _stop.Token))
                {
                    Volatile.Write(ref _woken, 0);
                }

                if (_time.GetElapsedTime(renewed) >= Renewal)
                {
                    renewed = _time.GetTimestamp();
                    _table.Keys().ForEach(key => _changed[key] = true);
                }

                await guard.RunAsync(SendGatheredAsync);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task SendGatheredAsync()
    {
        try
        {
            await SendAsync();
        }
        catch (RegistryUnavailableException)
        {
            // Who asked goes by this gateway's count by now.
            _questions.Clear();
            if (_changed.Count > MaxChanged)
            {
                _changed.Clear();
            }

            await Task.Delay(Retry, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Questions first: clients wait for their answers.</summary>
    private async Task SendAsync()
    {
        while (!_questions.IsEmpty || !_changed.IsEmpty)
        {
            var places = new List<IdentityPlace>();
            var asked = new List<Question>();
            while (places.Count < RegistryLimits.MaxCounted - 2 && _questions.TryDequeue(out var question))
            {
                asked.Add(question);
                places.AddRange(question.Places);
            }

            if (asked.Count == 0)
            {
                foreach (var key in _changed.Keys.Take(RegistryLimits.MaxCounted))
                {
                    // Before the count is read: a change from now on is noted anew.
                    _changed.TryRemove(key, out _);
                    places.Add(new IdentityPlace(key, _table.Of(key), 0));
                }
            }

            IReadOnlyList<bool> room;
            try
            {
                room = await _registry.CountAsync(_gateway, places, Ttl);
            }
            catch (RegistryUnavailableException)
            {
                // Said once it is back.
                places.ForEach(place => _changed[place.Key] = true);
                throw;
            }

            var at = 0;
            foreach (var (own, answer) in asked)
            {
                var full = -1;
                for (var i = own.Count - 1; i >= 0; i--)
                {
                    full = room[at + i] ? full : i;
                    if (room[at + i] && _table.Of(own[i].Key) != own[i].Count)
                    {
                        // Loops ask side by side: an older count may have come behind a newer one.
                        _changed[own[i].Key] = true;
                    }
                }

                at += own.Count;
                answer(full);
            }
        }
    }

    private sealed record Question(IReadOnlyList<IdentityPlace> Places, Action<int> Answer);
}
