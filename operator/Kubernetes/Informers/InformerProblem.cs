namespace Mooring.Kubernetes.Informers;

/// <summary>Why an informer cannot follow its resource at present, as the server says. Its cache is as it was before.</summary>
/// <param name="Message">Such as <c>pods is forbidden: User "x" cannot list resource "pods" in API group "" at the cluster scope</c>.</param>
/// <param name="IsForbidden">A right is missing.</param>
public sealed record InformerProblem(string Message, bool IsForbidden);
