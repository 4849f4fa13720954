using System.Threading.Channels;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Streams;

namespace Mooring.Gateway.Tests.Streams;

/// <summary>A gateway as the stream sees it, under a test's control.</summary>
internal sealed class FakeTarget : IStreamTarget
{
    public string? ConfigHash { get; set; }

    public GatewayState State { get; set; }

    public int Connections { get; set; }

    public IReadOnlyList<string> Errors { get; set; } = [];

    /// <summary>Thrown by the next configs.</summary>
    public Exception? Failure { get; set; }

    public Channel<OperatorMessage> Applied { get; } = Channel.CreateUnbounded<OperatorMessage>();

    public HelloMessage Hello() =>
        new()
        {
            Fleet = "default/test",
            Gateway = "gw-0",
            Version = "1",
            ConfigHash = ConfigHash,
            ProcessId = 7,
        };

    public Task<IReadOnlyList<string>> ApplyConfigAsync(ConfigMessage message)
    {
        if (Failure is { } failure)
        {
            throw failure;
        }

        Applied.Writer.TryWrite(message);
        if (Errors.Count == 0)
        {
            ConfigHash = message.Hash;
        }

        return Task.FromResult(Errors);
    }

    public Task ApplyEndpointsAsync(EndpointsMessage message)
    {
        Applied.Writer.TryWrite(message);
        return Task.CompletedTask;
    }

    public void ApplyDirective(DirectiveMessage message) => Applied.Writer.TryWrite(message);

    public Task<AnswerMessage> AnswerAsync(QuestionMessage question) =>
        Task.FromResult(new AnswerMessage { Id = question.Id, Metrics = $"about {question.About}" });

    public LoadGlance Glance() => new(State, 0, 0, Connections);

    public ReportMessage Report() =>
        new()
        {
            State = State,
            Connections = Connections,
            Capacity = 100,
        };

    public async Task<T> NextAsync<T>()
        where T : OperatorMessage => (await Applied.Reader.ReadAsync(FakeOperator.Deadline())).ShouldBeOfType<T>();
}
