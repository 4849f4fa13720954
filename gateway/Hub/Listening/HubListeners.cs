using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Hub.Api;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Rpc;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>The Hub listeners of a gateway from one config to the next. Not thread-safe but for <see cref="Nodes"/>: configs are applied one after the other.</summary>
/// <remarks>
/// A listener keeps its sessions, channels and, in memory, its streams through reloads. When it is to have another broker, or is gone, its clients stay with
/// what they have until they are told to come again, at the drain's pace: what they know of their channels is of the old one, which is kept until the last has left.
/// </remarks>
internal sealed class HubListeners(string gateway, HubBrokers brokers, TimeProvider time) : IAsyncDisposable
{
    private Dictionary<string, Entry> _entries = [];
    private readonly List<(Entry Entry, Task Task)> _leaving = [];
    private IReadOnlyList<string> _problems = [];

    /// <summary>By listener's name. Thread-safe.</summary>
    public IReadOnlyList<KeyValuePair<string, HubNode>> Nodes =>
        [.. Volatile.Read(ref _entries).Select(static one => KeyValuePair.Create(one.Key, one.Value.Node))];

    /// <summary>Files of keys that are no good now, while what they had before stays in force. Thread-safe.</summary>
    public IReadOnlyList<string> Problems => Volatile.Read(ref _problems);

    public HubNode? Find(string listener) => _entries.GetValueOrDefault(listener)?.Node;

    /// <summary>Reads the files that a config names; the errors when one is no good.</summary>
    public static (Dictionary<string, HubSecrets> Secrets, IReadOnlyList<string> Errors) Prepare(GatewaySnapshot snapshot)
    {
        var secrets = new Dictionary<string, HubSecrets>();
        var errors = new List<string>();
        for (var i = 0; i < snapshot.Listeners.Count; i++)
        {
            var listener = snapshot.Listeners[i];
            if (listener.Hub is { } hub)
            {
                if (HubSecrets.Read(hub.Config, out var problem) is { } read)
                {
                    secrets[listener.Name] = read;
                }
                else
                {
                    errors.Add($"listeners[{i}].webSocket.hub: {problem}");
                }
            }
        }

        return (secrets, errors);
    }

    /// <summary>Puts a config in force.</summary>
    public void Commit(GatewaySnapshot snapshot, Dictionary<string, HubSecrets> secrets)
    {
        var key = brokers.Key(snapshot.Config);
        var next = new Dictionary<string, Entry>();
        var gone = new List<Entry>();
        foreach (var listener in snapshot.Listeners)
        {
            if (listener.Hub is not { } options)
            {
                continue;
            }

            var entry = _entries.GetValueOrDefault(listener.Name);
            if (entry is null || entry.BrokerKey != key)
            {
                if (entry is not null)
                {
                    gone.Add(entry);
                }

                var broker = brokers.Create(snapshot.Config, listener.Name);
                entry = new Entry(new HubNode($"{gateway}/{listener.Name}", broker, options, time), key);
            }

            Use(entry, options, secrets[listener.Name]);
            next[listener.Name] = entry;
        }

        gone.AddRange(_entries.Where(one => !next.ContainsKey(one.Key)).Select(static one => one.Value));
        Volatile.Write(ref _entries, next);
        Volatile.Write(ref _problems, []);
        _leaving.RemoveAll(static one => one.Task.IsCompleted);
        foreach (var entry in gone)
        {
            entry.Node.Retire();
            _leaving.Add((entry, DisposeOnceLeftAsync(entry)));
        }
    }

    /// <summary>Looks at the files again; what is no good now changes nothing.</summary>
    public void Reload()
    {
        var problems = new List<string>();
        foreach (var (_, entry) in _entries)
        {
            if (HubSecrets.Read(entry.Node.Options.Config, out var problem) is { } read)
            {
                Use(entry, entry.Node.Options, read);
            }
            else
            {
                problems.Add(problem!);
            }
        }

        Volatile.Write(ref _problems, problems);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, entry) in _entries)
        {
            await entry.Node.DisposeAsync();
            entry.Keys?.Dispose();
        }

        foreach (var (entry, task) in _leaving)
        {
            entry.Node.Retire(atOnce: true);
            await task;
        }
    }

    /// <summary>Those who leave say so through their broker, so it is there until they have.</summary>
    private static async Task DisposeOnceLeftAsync(Entry entry)
    {
        await entry.Node.Left;
        await entry.Node.DisposeAsync();
        entry.Keys?.Dispose();
    }

    private void Use(Entry entry, HubOptions options, HubSecrets secrets)
    {
        var node = entry.Node;
        var config = options.Config;
        node.Options = options;
        if (entry.Rpc != config.Rpc)
        {
            // Calls under way end with the old one, at their deadline at the latest.
            node.Rpc = config.Rpc is { } rpc ? new HttpRpcBackend(rpc, time) : null;
            entry.Rpc = config.Rpc;
        }

        if (entry.KeysUrl != config.Jwt?.JwksUrl)
        {
            entry.Keys?.Dispose();
            entry.Keys = config.Jwt?.JwksUrl is { } url ? new JwksSource(url, time) : null;
            entry.KeysUrl = config.Jwt?.JwksUrl;
            entry.Content = "";
        }

        var content = $"{config.Jwt}|{secrets.Content}";
        if (entry.Content == content)
        {
            return;
        }

        entry.Content = content;
        node.Tokens = config.Jwt is { } jwt
            ? new TokenChecker(new JwtRules(jwt.Issuer, jwt.Audience, jwt.Leeway), secrets.Keys!, entry.Keys?.Cache, time)
            : null;
        node.Api = secrets.ApiKeys is { } keys ? new HubApi(node, keys) : null;
    }

    private sealed class Entry(HubNode node, string brokerKey)
    {
        public HubNode Node { get; } = node;

        public string BrokerKey { get; } = brokerKey;

        public HubRpcConfig? Rpc { get; set; }

        public string? KeysUrl { get; set; }

        public JwksSource? Keys { get; set; }

        public string Content { get; set; } = "";
    }
}
