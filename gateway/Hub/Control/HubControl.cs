using System.Text;
using System.Text.Json;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Control;

/// <summary>Orders that go to every gateway, since nobody knows which one a user is on; and what gateways know of each other. Thread-safe.</summary>
internal sealed class HubControl : IAsyncDisposable
{
    /// <summary>Channels that one gateway names in an answer.</summary>
    private const int MaxSurveyed = 10_000;

    private const int MaxNodes = 1000;
    private static readonly TimeSpan HelloInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SurveyLimit = TimeSpan.FromSeconds(2);

    private readonly HubNode _node;
    private readonly TimeProvider _time;
    private readonly ITimer _hello;
    private readonly long _started;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (NodeFigures Figures, long Heard)> _nodes = [];
    private readonly Dictionary<string, SurveyState> _surveys = [];

    public HubControl(HubNode node, TimeProvider time)
    {
        (_node, _time, _started) = (node, time, time.GetTimestamp());
        _hello = time.CreateTimer(_ => _ = SayHelloAsync(), null, HelloInterval, HelloInterval);
    }

    /// <summary>Sends an order to all gateways. It is carried out there, this one included, a moment later.</summary>
    public ValueTask<BrokerStatus> SendAsync(ControlMessage message) =>
        _node.Broker.SendControlAsync(
            JsonSerializer.SerializeToUtf8Bytes(message with { From = _node.Name }, ControlJson.Default.ControlMessage)
        );

    /// <summary>Every gateway that was heard of lately, this one first.</summary>
    public IReadOnlyList<KeyValuePair<string, NodeFigures>> Nodes()
    {
        lock (_gate)
        {
            Prune();
            return
            [
                new(_node.Name, Figures()),
                .. _nodes.Where(one => one.Key != _node.Name).Select(one => KeyValuePair.Create(one.Key, one.Value.Figures)),
            ];
        }
    }

    /// <summary>Channels with subscribers anywhere, and how many clients are in each.</summary>
    public ValueTask<IReadOnlyDictionary<string, int>> ChannelsAsync() => AskAsync(ControlKind.Survey, OwnChannelsAsync);

    /// <summary>How many users each gateway has, the anonymous being one; of those that say so in time.</summary>
    /// <remarks>Counted when it is asked for: to know it at any time would cost memory for each user.</remarks>
    public ValueTask<IReadOnlyDictionary<string, int>> UsersAsync() => AskAsync(ControlKind.UserSurvey, OwnUsersAsync);

    private async ValueTask<IReadOnlyDictionary<string, int>> AskAsync(ControlKind kind, Func<Task<IReadOnlyDictionary<string, int>>> own)
    {
        var survey = new SurveyState(Nodes().Count);
        var id = Guid.NewGuid().ToString("N");
        lock (_gate)
        {
            _surveys[id] = survey;
        }

        try
        {
            if (await SendAsync(new ControlMessage { Kind = kind, Id = id }) != BrokerStatus.Ok)
            {
                return await own();
            }

            using var limit = new CancellationTokenSource(SurveyLimit, _time);
            await survey.Done.Task.WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return survey.Take();
        }
        finally
        {
            lock (_gate)
            {
                _surveys.Remove(id);
            }
        }
    }

    /// <summary>One has come, on any thread.</summary>
    public void OnMessage(ReadOnlyMemory<byte> bytes)
    {
        ControlMessage? message;
        try
        {
            message = JsonSerializer.Deserialize(bytes.Span, ControlJson.Default.ControlMessage);
        }
        catch (JsonException)
        {
            // Of a gateway of another version.
            return;
        }

        switch (message)
        {
            case null:
                break;
            case { Kind: ControlKind.Hello, Figures: { } figures }:
                lock (_gate)
                {
                    if (_nodes.Count < MaxNodes || _nodes.ContainsKey(message.From))
                    {
                        _nodes[message.From] = (figures, _time.GetTimestamp());
                    }
                }

                break;
            case { Kind: ControlKind.Survey, Id: { } id }:
                _ = AnswerAsync(id, OwnChannelsAsync);
                break;
            case { Kind: ControlKind.UserSurvey, Id: { } id }:
                _ = AnswerAsync(id, OwnUsersAsync);
                break;
            case { Kind: ControlKind.Answer, Id: { } id }:
                SurveyState? survey;
                lock (_gate)
                {
                    survey = _surveys.GetValueOrDefault(id);
                }

                survey?.Add(message.Channels ?? new Dictionary<string, int>());
                break;
            default:
                foreach (var loop in _node.Loops)
                {
                    loop.Post((Action)(() => Apply(loop, message)));
                }

                break;
        }
    }

    public ValueTask DisposeAsync() => _hello.DisposeAsync();

    private static void Apply(HubLoop loop, ControlMessage message)
    {
        // From the end: whoever is disconnected makes room for the last.
        for (var i = loop.Sessions.Count - 1; i >= 0; i--)
        {
            if (i >= loop.Sessions.Count)
            {
                continue;
            }

            var session = loop.Sessions[i];
            if (session.State == SessionState.Connected && Concerns(message, session))
            {
                Apply(loop, session, message);
            }
        }
    }

    private static bool Concerns(ControlMessage message, HubSession session) =>
        (message.Client is null || message.Client == session.Client)
        && (message.User.Length == 0 ? message.Client is not null : message.User == session.User)
        && message.Except?.Contains(session.Client) != true;

    private static void Apply(HubLoop loop, HubSession session, ControlMessage message)
    {
        switch (message.Kind)
        {
            case ControlKind.Disconnect:
                loop.Disconnect(session, new HubDisconnect(message.Code, message.Reason ?? ""));
                break;
            case ControlKind.Unsubscribe when message.Channel is { } channel:
                if (session.Find(channel) is { } subscription)
                {
                    loop.Subscribes.End(subscription, HubUnsubscribe.Server, "server unsubscribe");
                }

                break;
            case ControlKind.Subscribe when message.Channel is { } channel:
                if (session.SubscriptionCount < loop.Options.Config.MaxChannels)
                {
                    loop.Subscribes.BeginServerSide(
                        session,
                        new ServerSubscription(channel, Bytes(message.Info), Bytes(message.Data), ExpiresAt(message)),
                        null,
                        null
                    );
                }

                break;
            case ControlKind.Refresh when message.Expired:
                loop.Disconnect(session, HubDisconnect.Expired);
                break;
            case ControlKind.Refresh:
                session.ExpiresAt = ExpiresAt(message);
                loop.Arm(session);
                loop.Send(session, session.Codec.PushRefresh(session.ExpiresAt > 0, loop.Refreshes.TimeLeft(session.ExpiresAt)));
                break;
        }
    }

    /// <summary>Gateways of before send on whatever number the API was given.</summary>
    private static long ExpiresAt(ControlMessage message) => Math.Clamp(message.ExpiresAt ?? 0, 0, ControlMessage.MaxExpiresAt);

    private static ReadOnlyMemory<byte> Bytes(string? json) => json is null ? default : Encoding.UTF8.GetBytes(json);

    private async Task SayHelloAsync() => await SendAsync(new ControlMessage { Kind = ControlKind.Hello, Figures = Figures() });

    private async Task AnswerAsync(string id, Func<Task<IReadOnlyDictionary<string, int>>> own)
    {
        var channels = await own();
        await SendAsync(
            new ControlMessage
            {
                Kind = ControlKind.Answer,
                Id = id,
                Channels = channels,
            }
        );
    }

    private async Task<IReadOnlyDictionary<string, int>> OwnChannelsAsync()
    {
        var all = new Dictionary<string, int>();
        foreach (var loop in _node.Loops)
        {
            var counted = new TaskCompletionSource<IReadOnlyList<KeyValuePair<string, int>>>(
                TaskCreationOptions.RunContinuationsAsynchronously
            );
            loop.Post((Action)(() => counted.SetResult(loop.CountChannels(MaxSurveyed))));
            using var limit = new CancellationTokenSource(SurveyLimit, _time);
            await ((Task)counted.Task).WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (counted.Task.IsCompletedSuccessfully)
            {
                foreach (var (channel, count) in await counted.Task)
                {
                    all[channel] = all.GetValueOrDefault(channel) + count;
                }
            }
        }

        return all;
    }

    private async Task<IReadOnlyDictionary<string, int>> OwnUsersAsync()
    {
        var users = new HashSet<string>(StringComparer.Ordinal);
        foreach (var loop in _node.Loops)
        {
            var counted = new TaskCompletionSource<HashSet<string>>(TaskCreationOptions.RunContinuationsAsynchronously);
            loop.Post((Action)(() => counted.SetResult(loop.Users())));
            using var limit = new CancellationTokenSource(SurveyLimit, _time);
            await ((Task)counted.Task).WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (counted.Task.IsCompletedSuccessfully)
            {
                users.UnionWith(await counted.Task);
            }
        }

        return new Dictionary<string, int> { [_node.Name] = users.Count };
    }

    private NodeFigures Figures()
    {
        var (clients, subscriptions) = (0L, 0L);
        foreach (var loop in _node.Loops)
        {
            clients += loop.Counters.Clients;
            subscriptions += loop.Counters.Subscriptions;
        }

        return new NodeFigures((int)clients, (int)subscriptions, _node.ChannelCount, (long)_time.GetElapsedTime(_started).TotalSeconds);
    }

    private void Prune()
    {
        foreach (var (name, node) in _nodes)
        {
            if (_time.GetElapsedTime(node.Heard) > 3 * HelloInterval)
            {
                _nodes.Remove(name);
            }
        }
    }

    private sealed class SurveyState(int expected)
    {
        private readonly Dictionary<string, int> _channels = [];
        private int _answers;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Add(IReadOnlyDictionary<string, int> channels)
        {
            lock (_channels)
            {
                foreach (var (channel, count) in channels)
                {
                    _channels[channel] = _channels.GetValueOrDefault(channel) + count;
                }

                if (++_answers >= expected)
                {
                    Done.TrySetResult();
                }
            }
        }

        public IReadOnlyDictionary<string, int> Take()
        {
            lock (_channels)
            {
                return new Dictionary<string, int>(_channels);
            }
        }
    }
}
