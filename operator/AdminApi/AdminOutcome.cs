using System.Diagnostics.CodeAnalysis;

namespace Mooring.Operator.AdminApi;

/// <summary>What came of an action: a value, or why it was not done.</summary>
internal sealed record AdminOutcome<T>(T? Value, Problem? Problem)
    where T : class
{
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Problem))]
    public bool Succeeded => Value is not null;

    public static implicit operator AdminOutcome<T>(T value) => new(value, null);

    public static implicit operator AdminOutcome<T>(Problem problem) => new(null, problem);
}
