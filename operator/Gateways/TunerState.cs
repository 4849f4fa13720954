using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>The tuners of one fleet within the hub. Not thread-safe: every member is used under the hub's lock.</summary>
internal sealed class TunerState
{
    private readonly SortedDictionary<string, Member> _members = new(StringComparer.Ordinal);
    private string? _hash;
    private ReadOnlyMemory<byte> _message;

    public bool IsEmpty => _hash is null && _members.Count == 0;

    public bool HasMembers => _members.Count > 0;

    public void Set(string hash, ReadOnlyMemory<byte> message)
    {
        if (hash == _hash)
        {
            return;
        }

        (_hash, _message) = (hash, message);
        foreach (var member in _members.Values)
        {
            member.Session.Outbox.PutDirective(message);
        }
    }

    /// <summary>Returns the session that the new one replaces.</summary>
    public GatewaySession? Join(GatewaySession session)
    {
        var replaced = _members.GetValueOrDefault(session.Hello.Gateway)?.Session;
        _members[session.Hello.Gateway] = new Member(session);
        if (_hash is not null)
        {
            session.Outbox.PutDirective(_message);
        }

        return replaced;
    }

    /// <summary>Returns false for a session that was replaced or never joined.</summary>
    public bool Leave(GatewaySession session) =>
        _members.TryGetValue(session.Hello.Gateway, out var member)
        && ReferenceEquals(member.Session, session)
        && _members.Remove(session.Hello.Gateway);

    /// <summary>Returns whether it says anything new.</summary>
    public bool Note(GatewaySession session, TuningReport report)
    {
        if (!_members.TryGetValue(session.Hello.Gateway, out var member) || !ReferenceEquals(member.Session, session))
        {
            return false;
        }

        var text = JsonSerializer.Serialize<GatewayMessage>(report, ContractsJson.Default.GatewayMessage);
        if (member.Text == text)
        {
            return false;
        }

        (member.Report, member.Text) = (report, text);
        return true;
    }

    public IReadOnlyList<TuningReport> Reports() =>
        [
            .. _members
                .Values.Select(static member => member.Report)
                .OfType<TuningReport>()
                .OrderBy(static report => report.Node, StringComparer.Ordinal),
        ];

    public void Clear() => (_hash, _message) = (null, default);

    private sealed class Member(GatewaySession session)
    {
        public GatewaySession Session { get; } = session;

        public TuningReport? Report { get; set; }

        public string Text { get; set; } = "";
    }
}
