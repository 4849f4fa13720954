namespace Mooring.Kubernetes.Configuration;

/// <summary>A kubeconfig is wrong; the message names file, line or field.</summary>
public sealed class KubeConfigException(string message, Exception? cause = null) : Exception(message, cause);
