using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>What one gateway was asked and has not answered. Thread-safe.</summary>
internal sealed class PendingQuestions
{
    /// <summary>At a time; who asks beyond it gets no answer.</summary>
    public const int Max = 16;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, TaskCompletionSource<AnswerMessage?>> _waiting = [];
    private long _last;
    private bool _ended;

    /// <summary>A number for a question and what completes with its answer, null where there will be none. Null: too many wait, or the stream has ended.</summary>
    public (long Id, Task<AnswerMessage?> Answer)? Add()
    {
        lock (_lock)
        {
            if (_ended || _waiting.Count >= Max)
            {
                return null;
            }

            var answer = new TaskCompletionSource<AnswerMessage?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add(++_last, answer);
            return (_last, answer.Task);
        }
    }

    /// <summary>Nobody waits for it any more.</summary>
    public void Drop(long id)
    {
        lock (_lock)
        {
            _waiting.Remove(id);
        }
    }

    /// <summary>An answer has come; to a question that nobody asked, or waits for, it is none.</summary>
    public void Take(AnswerMessage answer)
    {
        TaskCompletionSource<AnswerMessage?>? waiting;
        lock (_lock)
        {
            _waiting.Remove(answer.Id, out waiting);
        }

        waiting?.TrySetResult(answer);
    }

    /// <summary>The stream has ended.</summary>
    public void End()
    {
        List<TaskCompletionSource<AnswerMessage?>> left;
        lock (_lock)
        {
            _ended = true;
            left = [.. _waiting.Values];
            _waiting.Clear();
        }

        left.ForEach(static waiting => waiting.TrySetResult(null));
    }
}

/// <param name="Fleet"><c>namespace/name</c>.</param>
/// <param name="Gateway">Its name.</param>
/// <param name="Answer">Null: it did not answer in time, or cannot.</param>
internal readonly record struct GatewayAnswer(string Fleet, string Gateway, AnswerMessage? Answer);
