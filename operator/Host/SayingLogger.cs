namespace Mooring.Operator.Host;

/// <summary>Logs as lines among those of what happens.</summary>
/// <param name="say">Takes the lines.</param>
/// <param name="least">What is below that is not said.</param>
internal sealed class SayingLogger(Action<string> say, LogLevel least) : ILoggerProvider, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= least;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        if (IsEnabled(logLevel))
        {
            var text = formatter(state, exception);
            say(
                exception is null ? text
                // A defect is of no use without where it was.
                : logLevel >= LogLevel.Error ? $"{text}: {exception}"
                : $"{text}: {exception.Message}"
            );
        }
    }

    public void Dispose() { }
}
